# METADATA
# title: Images are pinned by digest
# description: What is pulled is named by its digest, so that it is what was judged.
# custom:
#   severity: high
#   remediation: Let Tidewaiter's /mutate pin the image, or write NAME:TAG@sha256:….
package policies.pinned

import data.lib.images

deny contains finding if {
	some image in input.images
	not pinned(image)
	finding := {
		"id": "not-pinned",
		"container": image.container,
		"msg": sprintf("%s: what is pulled has no digest, so it may be other content than what was judged", [images.describe(image)]),
	}
}

pinned(image) if {
	image.pinned
	contains(image.admitted, "@sha")
}
