# METADATA
# title: Words for scans
# description: Tells the states of scan results apart; "could not look" is never "found none".
package lib.scans

import data.lib.images
import data.lib.parameters

# What each state other than evaluated means, for people.
meaning := {
	"missing": "has no scan result",
	"unavailable": "could not be asked",
	"pending": "is still scanning",
	"failed": "failed to scan it",
	"invalid": "has a result that can not be read",
	"untrusted": "has a result that nobody trusted vouches for",
	"mismatch": "has a result for other content",
	"otherPlatform": "has a result for another platform only",
	"inconclusive": "has a result that says nothing about this image",
}

# Scans of one platform of an image, one of `image.platforms`: by the digest of its manifest, since two images may bear the name of one
# platform.
of_platform(image, platform) := [scan | some scan in image.scans; is_of(scan, platform)]

is_of(scan, platform) if scan.digest == platform.digest

# A document recorded before scans told a digest.
is_of(scan, platform) if {
	object.get(scan, "digest", null) == null
	scan.platform == platform.platform
}

evaluated(image, platform) := [scan | some scan in of_platform(image, platform); scan.state == "evaluated"]

# `harbor could not be asked: REASON`, one for each source that has no result.
states(image, platform) := sort([text |
	some scan in of_platform(image, platform)
	scan.state != "evaluated"
	text := sprintf("%s %s: %s", [scan.source, object.get(meaning, scan.state, scan.state), object.get(scan, "reason", "no reason given")])
])

# Findings of some severities that nothing suppresses.
severe(scan, severities) := [finding |
	some finding in scan.findings
	finding.severity in severities
	finding.suppressed == null
]

# A list cut to its first entries, in words.
shorten(list, most) := concat(", ", list) if count(list) <= most

shorten(list, most) := sprintf("%s and %d more", [concat(", ", array.slice(list, 0, most)), count(list) - most]) if {
	count(list) > most
}

# Why a platform has no evaluated result.
why(image, platform) := "no scan source is configured for it" if {
	count(of_platform(image, platform)) == 0
} else := concat("; ", states(image, platform))

# Findings of the library about platforms that no evaluated result covers: what holds for every rule that rests on scans.
unscanned(image) := {"it is not known for which platforms it is built, so no scan result can be looked for"} if {
	count(image.platforms) == 0
} else := {text |
	some platform in image.platforms
	count(evaluated(image, platform)) == 0
	text := sprintf("%s is unscanned: %s", [platform.platform, why(image, platform)])
}

# Results that count more findings of some severities than they list have been cut: what is not listed can't be judged.
incomplete(image, severities) := {text |
	some scan in image.scans
	scan.state == "evaluated"
	some severity in severities
	listed := count([1 | some entry in scan.findings; entry.severity == severity])
	scan.counts[severity] > listed
	text := sprintf("%s has %d %s findings by %s, of which %d are listed", [scan.platform, scan.counts[severity], severity, scan.source, listed])
}

# Why a result is too old, for the time of the scan and for the database's. `limits` has durations, `maxAge` and `databaseMaxAge`; one
# that is absent is no limit.
stale(scan, limits) := array.concat(
	[sprintf("%s looked at %s, longer ago than %s", [scan.source, object.get(scan, "scannedAt", "no known time"), limits.maxAge]) |
		most := parameters.nanoseconds(limits.maxAge)
		not within(object.get(scan, "scannedAt", null), most)
	],
	[sprintf("the database of %s is of %s, and may be no older than %s", [scan.source, database_time(scan), limits.databaseMaxAge]) |
		most := parameters.nanoseconds(limits.databaseMaxAge)
		not within(object.get(scan, "databaseUpdatedAt", null), most)
	],
)

# Platforms whose every evaluated result is too old, in words.
all_stale(image, limits) := {text |
	some platform in image.platforms
	results := evaluated(image, platform)
	count(results) > 0
	reasons := [stale(scan, limits) | some scan in results]
	every reason in reasons {
		count(reason) > 0
	}
	said := sort({one | some reason in reasons; some one in reason})
	text := sprintf("%s has no fresh scan result: %s", [platform.platform, concat("; ", said)])
}

database_time(scan) := "a time that the result does not tell" if {
	object.get(scan, "databaseUpdatedAt", null) == null
} else := scan.databaseUpdatedAt

within(at, most) if time.parse_rfc3339_ns(input.now) - time.parse_rfc3339_ns(at) <= most

# What can be done, by the id of a finding.
remedies := {
	"unscanned": "Scan the image with `trivy image --format json` and bring the report to a configured scan source, as a file or attested with cosign.",
	"incomplete": "Scan the image with `trivy image --format json` and bring the report to a configured scan source, as a file or attested with cosign.",
	"stale": "Scan the image with `trivy image --format json` and bring the report to a configured scan source, as a file or attested with cosign.",
	"grace": "Rebuild the image with the fixed versions, or on another base, and scan it again.",
	"severe": "Rebuild the image with the fixed versions, or on another base, and scan it again.",
	"end-of-life": "Rebuild the image on a supported release of its distribution.",
}

# A finding that names vulnerabilities.
finding(image, id, text, cves) := object.union(images.finding(image, id, text), {"cves": cves, "remediation": object.get(remedies, id, null)})
