# METADATA
# title: Images are scanned and have no severe findings
# description: >-
#   Each platform of an image that may run has an evaluated scan result, and no evaluated result lists a finding of a severe grade that
#   nothing suppresses. A source that could not be asked, or whose result can't be used, is reported as just that. Severe is CRITICAL and
#   HIGH; `data.config.scanned.severities` sets another list. `data.config.scanned.maxAge` and `databaseMaxAge`, durations such as `168h`,
#   demand that one result of each platform, and the vulnerability database it rests on, is no older; absent: any age will do.
# custom:
#   severity: critical
#   remediation: Scan the image, and rebuild it when something severe is found.
package policies.scanned

import data.lib.images
import data.lib.scans

severities := data.config.scanned.severities if {
	is_array(data.config.scanned.severities)
} else := ["CRITICAL", "HIGH"]

deny contains finding(image, "unscanned", "it is not known for which platforms it is built, so no scan result can be looked for", []) if {
	some image in input.images
	count(image.platforms) == 0
}

deny contains finding(image, "unscanned", text, []) if {
	some image in input.images
	some platform in image.platforms
	count(scans.evaluated(image, platform)) == 0
	text := sprintf("%s is unscanned: %s", [platform.platform, why(image, platform)])
}

deny contains finding(image, "severe", text, ids) if {
	some image in input.images
	some platform in image.platforms
	some scan in scans.evaluated(image, platform)
	found := scans.severe(scan, severities)
	count(found) > 0
	ids := sort({entry.id | some entry in found})
	grades := [sprintf("%d %s", [number, severity]) |
		some severity in severities
		number := count([1 | some entry in found; entry.severity == severity])
		number > 0
	]
	text := sprintf("%s has %s by %s: %s", [platform.platform, concat(" and ", grades), scan.source, scans.shorten(ids, 5)])
}

# A report that counts more than it lists has been cut: what is not listed can't be judged.
deny contains finding(image, "incomplete", text, []) if {
	some image in input.images
	some scan in image.scans
	scan.state == "evaluated"
	some severity in severities
	listed := count([1 | some entry in scan.findings; entry.severity == severity])
	scan.counts[severity] > listed
	text := sprintf("%s has %d %s findings by %s, of which %d are listed", [scan.platform, scan.counts[severity], severity, scan.source, listed])
}

deny contains finding(image, "stale", text, []) if {
	some image in input.images
	some platform in image.platforms
	evaluated := scans.evaluated(image, platform)
	count(evaluated) > 0
	every scan in evaluated {
		count(stale(scan)) > 0
	}
	reasons := sort({reason | some scan in evaluated; some reason in stale(scan)})
	text := sprintf("%s has no fresh scan result: %s", [platform.platform, concat("; ", reasons)])
}

# A limit that can't be read must not look like none.
deny contains {"id": "parameter", "remediation": remedy.parameter, "msg": text} if {
	some name in ["maxAge", "databaseMaxAge"]
	value := data.config.scanned[name]
	not limit(name)
	text := sprintf("data.config.scanned.%s is %v, which is no duration such as 168h", [name, value])
}

warn contains finding(image, "end-of-life", text, []) if {
	some image in input.images
	some scan in image.scans
	scan.state == "evaluated"
	scan.endOfLife
	text := sprintf("the distribution in it gets no more security updates (%s), so findings may be missing", [scan.source])
}

# Nanoseconds of a parameter; undefined where it is absent, and where it is no duration.
limit(name) := ns if {
	regex.match(`^([0-9]+(h|m|s))+$`, data.config.scanned[name])
	ns := time.parse_duration_ns(data.config.scanned[name])
	ns > 0
}

# Why a result is too old: for the time of the scan, and for the database's.
stale(scan) := array.concat(
	[sprintf("%s looked at %s, longer ago than %s", [scan.source, scan.scannedAt, data.config.scanned.maxAge]) |
		most := limit("maxAge")
		not within(scan.scannedAt, most)
	],
	[sprintf("the database of %s is of %s, and may be no older than %s", [scan.source, database_time(scan), data.config.scanned.databaseMaxAge]) |
		most := limit("databaseMaxAge")
		not within(object.get(scan, "databaseUpdatedAt", null), most)
	],
)

database_time(scan) := "a time that the result does not tell" if {
	object.get(scan, "databaseUpdatedAt", null) == null
} else := scan.databaseUpdatedAt

within(at, most) if time.parse_rfc3339_ns(input.now) - time.parse_rfc3339_ns(at) <= most

why(image, platform) := "no scan source is configured for it" if {
	count(scans.of_platform(image, platform)) == 0
} else := concat("; ", scans.states(image, platform))

scan_it := "Scan the image with `trivy image --format json` and bring the report to a configured scan source, as a file or attested with cosign."

remedy := {
	"unscanned": scan_it,
	"incomplete": scan_it,
	"stale": scan_it,
	"parameter": "Correct policy.data of the configuration.",
	"severe": "Rebuild the image with the fixed versions, or on another base, and scan it again.",
	"end-of-life": "Rebuild the image on a supported release of its distribution.",
}

finding(image, id, text, cves) := {
	"id": id,
	"remediation": remedy[id],
	"container": image.container,
	"cves": cves,
	"msg": sprintf("%s: %s", [images.describe(image), text]),
}
