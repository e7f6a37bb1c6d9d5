# METADATA
# title: Findings are suppressed by known authors only
# description: >-
#   A severe finding of a scan may be suppressed (by a VEX document, by an ignore rule of the configuration, or by the scanner's own ignore
#   file) only by those that are listed, and with a reason. Whoever suppresses is as the result names it: `vex SOURCE by AUTHOR, attested by
#   SIGNER`, `vex SOURCE by AUTHOR` (a file of the folder; the author is what the file says), `ignore rule of OWNER until TIME`,
#   `trivy FILE` (an ignore file of whoever scanned).
# custom:
#   severity: high
#   mode: "off"
#   remediation: Have the finding suppressed by an author that is listed, or mend it.
#   parameters:
#     - name: by
#       type: list of text
#       required: true
#       meaning: Who may suppress, as the result names it, or patterns such as `vex ** attested by security`.
#     - name: severities
#       type: list of severity
#       default: CRITICAL and HIGH
#       meaning: Of which findings.
package policies.suppressions

import data.lib.images
import data.lib.parameters
import data.lib.patterns
import data.lib.scans

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

by := parameters.value("suppressions", "by", [])

severities := parameters.value("suppressions", "severities", ["CRITICAL", "HIGH"])

deny contains object.union(images.finding(image, "unknown-author", text), {"cves": ids}) if {
	some image in input.images
	some scan in image.scans
	some author in {entry.suppressed.by | some entry in suppressed(scan)}
	not patterns.any_matches(by, author)
	ids := sort({entry.id | some entry in suppressed(scan); entry.suppressed.by == author})
	text := sprintf("in %s by %s, %s is suppressed by %s, who is not listed", [scan.platform, scan.source, scans.shorten(ids, 5), shown(author)])
}

deny contains object.union(images.finding(image, "no-reason", text), {"cves": ids}) if {
	some image in input.images
	some scan in image.scans
	ids := sort({entry.id | some entry in suppressed(scan); trim_space(entry.suppressed.reason) == ""})
	count(ids) > 0
	text := sprintf("in %s by %s, %s is suppressed without a reason", [scan.platform, scan.source, scans.shorten(ids, 5)])
}

suppressed(scan) := [entry |
	some entry in scan.findings
	entry.suppressed != null
	entry.severity in severities
]

shown("") := "nobody"

shown(author) := author if author != ""
