# METADATA
# title: Images are scanned and have no severe findings
# description: >-
#   Each platform of an image that may run has an evaluated scan result, and no evaluated result lists a finding of a severe grade that
#   nothing suppresses. A source that could not be asked, or whose result can't be used, is reported as just that.
# custom:
#   severity: critical
#   remediation: Scan the image, and rebuild it when something severe is found.
#   parameters:
#     - name: severities
#       type: list of severity
#       default: CRITICAL and HIGH
#       meaning: What is severe.
#     - name: maxAge
#       type: duration
#       default: any age
#       meaning: One result of each platform is no older.
#     - name: databaseMaxAge
#       type: duration
#       default: any age
#       meaning: The vulnerability database that result rests on is no older. A result that does not tell the age of its database is past any.
package policies.scanned

import data.lib.parameters
import data.lib.scans

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

severities := parameters.value("scanned", "severities", ["CRITICAL", "HIGH"])

deny contains scans.finding(image, "unscanned", text, []) if {
	some image in input.images
	some text in scans.unscanned(image)
}

deny contains scans.finding(image, "severe", text, ids) if {
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

deny contains scans.finding(image, "incomplete", text, []) if {
	some image in input.images
	some text in scans.incomplete(image, severities)
}

deny contains scans.finding(image, "stale", text, []) if {
	some image in input.images
	some text in scans.all_stale(image, parameters.configured("scanned"))
}

warn contains scans.finding(image, "end-of-life", text, []) if {
	some image in input.images
	some scan in image.scans
	scan.state == "evaluated"
	scan.endOfLife
	text := sprintf("the distribution in it gets no more security updates (%s), so findings may be missing", [scan.source])
}
