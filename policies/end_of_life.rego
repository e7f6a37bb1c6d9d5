# METADATA
# title: The distribution in an image is supported
# description: >-
#   No evaluated scan result says that the distribution in the image gets no more security updates, since then findings are missing that
#   nobody looks for any more; and one result of each platform tells whether it does. Harbor's results do not tell.
# custom:
#   severity: high
#   mode: "off"
#   remediation: Rebuild the image on a supported release of its distribution.
#   parameters:
#     - name: untold
#       type: one of deny, allow
#       default: deny
#       meaning: What becomes of a platform that has results, none of which tells.
package policies.end_of_life

import data.lib.images
import data.lib.parameters
import data.lib.scans

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

deny contains scans.finding(image, "unscanned", text, []) if {
	some image in input.images
	some text in scans.unscanned(image)
}

deny contains scans.finding(image, "end-of-life", text, []) if {
	some image in input.images
	some platform in image.platforms
	some scan in scans.evaluated(image, platform)
	scan.endOfLife == true
	text := sprintf("the distribution in %s gets no more security updates, by %s", [platform.platform, scan.source])
}

deny contains images.finding(image, "untold", text) if {
	parameters.value("end_of_life", "untold", "deny") != "allow"
	some image in input.images
	some platform in image.platforms
	results := scans.evaluated(image, platform)
	count(results) > 0
	every scan in results {
		object.get(scan, "endOfLife", null) == null
	}
	sources := sort({scan.source | some scan in results})
	text := sprintf("whether the distribution in %s is supported is not known: %s does not tell", [platform.platform, concat(", ", sources)])
}
