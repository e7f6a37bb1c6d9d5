# METADATA
# title: Images carry the labels that are required
# description: >-
#   The configuration of an image has, on every platform, each required label with a value that fits: who is to be asked about it, where its
#   source is. Whoever built the image wrote them, and nobody vouches for them but whoever signed it.
# custom:
#   severity: low
#   mode: "off"
#   remediation: Set the labels when the image is built, as `LABEL org.opencontainers.image.source=…` does.
#   parameters:
#     - name: required
#       type: map from text to text
#       required: true
#       meaning: Patterns of values, by label; `**` is any value.
package policies.image_labels

import data.lib.evidence
import data.lib.images
import data.lib.parameters
import data.lib.patterns

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

required := parameters.value("image_labels", "required", {})

deny contains images.finding(image, "unknown", text) if {
	some image in input.images
	unread := evidence.unknown_configuration(image)
	text := sprintf("its labels are not known: %s", [unread])
}

deny contains images.finding(image, "label", text) if {
	some image in input.images
	some platform in image.platforms
	some name in patterns.differing(required, platform.labels)
	text := sprintf("%s has %s, which must be %s", [platform.platform, said(name, platform.labels), required[name]])
}

said(name, labels) := sprintf("the label %s with the value %s", [name, labels[name]]) if {
	labels[name]
} else := sprintf("no label %s", [name])
