# METADATA
# title: Evidence is not from before a long outage
# description: >-
#   While a source can't be reached, what it said before goes on being believed for some time (`evidence.lastKnownGoodFor`). Denied is an
#   image whose evidence rests on something older than `maxAge`; it warns of all that is younger.
# custom:
#   severity: medium
#   mode: "off"
#   remediation: Bring the source back that the message names, or wait for it.
#   parameters:
#     - name: maxAge
#       type: duration
#       required: true
#       meaning: How old such evidence may be.
#     - name: stages
#       type: list of one of resolve, signatures, scans
#       default: all
#       meaning: Of which stages.
package policies.last_known_good

import data.lib.images
import data.lib.parameters

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

stages := parameters.value("last_known_good", "stages", ["resolve", "signatures", "scans"])

max_age := parameters.value("last_known_good", "maxAge", null)

deny contains images.finding(image, "too-old", text) if {
	some image in input.images
	some fact in image.lastKnownGood
	fact.stage in stages
	fact.age * 1000000000 > parameters.nanoseconds(max_age)
	text := sprintf("%s, longer than %s", [told(fact), max_age])
}

warn contains images.finding(image, "old", told(fact)) if {
	some image in input.images
	some fact in image.lastKnownGood
	fact.stage in stages
	fact.age * 1000000000 <= parameters.nanoseconds(max_age)
}

told(fact) := sprintf("%s of %s can't be reached, and what is known is %d s old", [fact.stage, fact.source, floor(fact.age)])
