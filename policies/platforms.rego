# METADATA
# title: Images are built for approved platforms
# description: >-
#   Every platform of an image that may run here is on the list. Which may run is the configuration's `platforms`, or the nodes' own,
#   narrowed by the Pod's node selector and affinity.
# custom:
#   severity: low
#   mode: "off"
#   remediation: Use an image for an approved platform, or add its platform to policy.data.platforms.allowed.
#   parameters:
#     - name: allowed
#       type: list of text
#       required: true
#       meaning: Platforms such as `linux/amd64`, or patterns such as `linux/arm64/**`.
package policies.platforms

import data.lib.evidence
import data.lib.images
import data.lib.parameters
import data.lib.patterns

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

allowed := parameters.value("platforms", "allowed", [])

deny contains images.finding(image, "unknown", text) if {
	some image in input.images
	unread := evidence.unknown_configuration(image)
	text := sprintf("for which platforms it is built is not known: %s", [unread])
}

deny contains images.finding(image, "not-allowed", text) if {
	some image in input.images
	some platform in image.platforms
	not patterns.any_matches(allowed, platform.platform)
	text := sprintf("it is built for %s; allowed are %s", [platform.platform, concat(", ", allowed)])
}
