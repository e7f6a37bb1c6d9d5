# METADATA
# title: Images do not use the tag latest
# description: The tag latest says nothing about which version runs. An image named by digest alone has no tag and is allowed.
# custom:
#   severity: medium
#   remediation: Name a version, such as nginx:1.27.
package policies.latest

import data.lib.images

deny contains finding if {
	some image in input.images
	image.reference.tag == "latest"
	finding := {
		"id": "latest",
		"container": image.container,
		"msg": sprintf("%s: the tag latest (which is meant where none is written) says nothing about the version", [images.describe(image)]),
	}
}
