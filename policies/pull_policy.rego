# METADATA
# title: imagePullPolicy is consistent with pinning
# description: >-
#   What is pulled by tag has the pull policy Always, since a node that keeps another image under that tag would run it unseen. What is
#   pinned by digest needs no second pull, and may have Always or IfNotPresent; Never means that nobody pulls it, so that no right to the
#   image is checked. Where an object has no pull policy the API server's default is judged: Always for the tag latest, else IfNotPresent.
# custom:
#   severity: medium
#   mode: "off"
#   remediation: Pin the image by digest, or set imagePullPolicy as the message says.
#   parameters:
#     - name: pinned
#       type: list of one of Always, IfNotPresent, Never
#       default: Always and IfNotPresent
#       meaning: Pull policies that an image pinned by digest may have.
#     - name: byTag
#       type: list of one of Always, IfNotPresent, Never
#       default: Always
#       meaning: Pull policies that an image pulled by tag may have.
package policies.pull_policy

import data.lib.images
import data.lib.parameters

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

deny contains images.finding(image, "pinned", text) if {
	some image in input.images
	pinned(image)
	allowed := parameters.value("pull_policy", "pinned", ["Always", "IfNotPresent"])
	not effective(image) in allowed
	text := sprintf("it is pinned by digest and has imagePullPolicy %s; it may have %s", [effective(image), concat(" or ", allowed)])
}

deny contains images.finding(image, "by-tag", text) if {
	some image in input.images
	not pinned(image)
	allowed := parameters.value("pull_policy", "byTag", ["Always"])
	not effective(image) in allowed
	text := sprintf("it is pulled by tag and has imagePullPolicy %s, so a node runs whatever it keeps under that tag; it may have %s", [
		effective(image),
		concat(" or ", allowed),
	])
}

pinned(image) if {
	image.pinned
	contains(image.admitted, "@sha")
}

# https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting: by what is written, not by what is pulled.
effective(image) := image.pullPolicy if {
	is_string(image.pullPolicy)
} else := "IfNotPresent" if {
	contains(image.written, "@")
} else := "Always" if {
	image.reference.tag == "latest"
} else := "IfNotPresent"
