# METADATA
# title: Scan results are fresh
# description: >-
#   One evaluated result of each platform, and the vulnerability database it rests on, is no older than allowed. It says nothing about what
#   was found: `scanned` and `vulnerabilities` do. The time of the database is known only where Trivy ran as a client of its server.
# custom:
#   severity: medium
#   mode: "off"
#   remediation: Scan the image again with a current database.
#   parameters:
#     - name: maxAge
#       type: duration
#       default: 7d
#       meaning: How old the scan may be.
#     - name: databaseMaxAge
#       type: duration
#       default: any age
#       meaning: How old the database may be. A result that does not tell is past any age.
package policies.scan_age

import data.lib.parameters
import data.lib.scans

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

limits := object.union({"maxAge": "7d"}, parameters.configured("scan_age"))

deny contains scans.finding(image, "unscanned", text, []) if {
	some image in input.images
	some text in scans.unscanned(image)
}

deny contains scans.finding(image, "stale", text, []) if {
	some image in input.images
	some text in scans.all_stale(image, limits)
}
