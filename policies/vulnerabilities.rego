# METADATA
# title: Images have no more vulnerabilities than are allowed
# description: >-
#   Each platform has an evaluated scan result, and no evaluated result lists more findings of a severity than `most` allows, leaving out
#   what is suppressed. `onlyFixable` leaves out what has no fixed version. `grace` leaves out what was made public a short while ago, by
#   the date that the scan report gives (`published`); a finding whose report gives no date (Harbor's gives none) has no grace, nor has one
#   dated in the future. A result that is missing, or cut, is reported as just that.
# custom:
#   severity: critical
#   mode: "off"
#   remediation: Rebuild the image with the fixed versions, or on another base, and scan it again.
#   parameters:
#     - name: most
#       type: map from severity to number
#       default: none CRITICAL or HIGH, any number of the others
#       meaning: How many findings of a severity are allowed. A severity that is not named has no limit.
#     - name: onlyFixable
#       type: boolean
#       default: "false"
#       meaning: Whether only findings with a fixed version count.
#     - name: unfixedStatuses
#       type: list of text
#       default: none
#       meaning: With `onlyFixable`, the statuses that count all the same, such as `will_not_fix` and `end_of_life`.
#     - name: grace
#       type: map from severity to duration
#       default: no grace
#       meaning: How long after it was made public a vulnerability does not count, by severity. It is a warning meanwhile.
package policies.vulnerabilities

import data.lib.parameters
import data.lib.scans

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

most := parameters.value("vulnerabilities", "most", {"CRITICAL": 0, "HIGH": 0})

deny contains scans.finding(image, "unscanned", text, []) if {
	some image in input.images
	some text in scans.unscanned(image)
}

deny contains scans.finding(image, "incomplete", text, []) if {
	some image in input.images
	some text in scans.incomplete(image, object.keys(most))
}

deny contains scans.finding(image, "severe", text, ids) if {
	some image in input.images
	some platform in image.platforms
	some scan in scans.evaluated(image, platform)
	counted := [entry | some entry in relevant(scan); not in_grace(entry)]
	some severity, allowed in most
	found := [entry | some entry in counted; entry.severity == severity]
	count(found) > allowed
	ids := sort({entry.id | some entry in found})
	text := sprintf("%s has %d %s by %s, of which %d are allowed: %s", [
		platform.platform, count(found), severity,
		scan.source, allowed, scans.shorten(ids, 5),
	])
}

warn contains scans.finding(image, "grace", text, ids) if {
	some image in input.images
	some platform in image.platforms
	some scan in scans.evaluated(image, platform)
	found := [entry | some entry in relevant(scan); in_grace(entry)]
	count(found) > 0
	ids := sort({entry.id | some entry in found})
	first := min({end_of_grace(entry) | some entry in found})
	text := sprintf("%s has %d findings by %s that do not count yet, the first until %s: %s", [
		platform.platform, count(found),
		scan.source, day(first), scans.shorten(ids, 5),
	])
}

grace := parameters.value("vulnerabilities", "grace", {})

only_fixable if parameters.value("vulnerabilities", "onlyFixable", false) == true

# Findings that nothing suppresses, of severities with a limit, with a fix where that matters.
relevant(scan) := [entry |
	some entry in scan.findings
	entry.suppressed == null
	most[entry.severity] >= 0
	not excused(entry)
]

excused(entry) if {
	only_fixable
	entry.fixed == null
	not entry.status in parameters.value("vulnerabilities", "unfixedStatuses", [])
}

in_grace(entry) if {
	length := parameters.nanoseconds(grace[entry.severity])
	age := time.parse_rfc3339_ns(input.now) - time.parse_rfc3339_ns(entry.published)
	age >= 0
	age < length
}

end_of_grace(entry) := time.parse_rfc3339_ns(entry.published) + parameters.nanoseconds(grace[entry.severity])

day(ns) := text if {
	[year, month, date] := time.date(ns)
	text := sprintf("%d-%02d-%02d", [year, month, date])
}
