# METADATA
# title: Images come from approved registries
# description: >-
#   Every image's logical name is covered by an entry of `data.config.registries`: a registry (`registry.corp`), a path in one
#   (`docker.io/library`), or a glob over the whole name (`ghcr.io/acme/**`). Without the list nothing is approved.
# custom:
#   severity: high
#   remediation: Take the image from an approved registry, or add its registry to policy.data.registries in the configuration.
package policies.registries

import data.lib.images

deny contains {"id": "unconfigured", "msg": text} if {
	not configured
	text := "no registry is approved, since the configuration lists none: set policy.data.registries, or switch this policy off with policy.modes.registries"
}

deny contains finding if {
	configured
	some image in input.images
	not approved(image)
	finding := {"id": "not-approved", "container": image.container, "msg": sprintf("%s: %s", [images.describe(image), reason(image)])}
}

configured if is_array(data.config.registries)

approved(image) if {
	some pattern in data.config.registries
	images.covers(pattern, images.name(image))
}

reason(image) := sprintf("%s is from no approved registry", [images.name(image)]) if {
	images.readable(image)
} else := "what is written is no image reference, so it is from no approved registry"
