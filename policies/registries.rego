# METADATA
# title: Images come from approved registries
# description: >-
#   Every image's logical name is covered by an entry of `data.config.registries`: a registry (`registry.corp`), a path in one
#   (`docker.io/library`), or a glob over the whole name (`ghcr.io/acme/**`). Without the list nothing is approved.
# custom:
#   severity: high
#   remediation: Take the image from an approved registry, or add its registry to policy.data.registries in the configuration.
#   parameters:
#     - name: registries
#       at: data.config.registries
#       type: list of text
#       required: true
#       meaning: Registries, paths in one, or globs over the whole name.
package policies.registries

import data.lib.images
import data.lib.parameters

deny contains {"id": "unconfigured", "msg": text} if {
	not given
	text := "no registry is approved, since the configuration lists none: set policy.data.registries, or switch this policy off with policy.modes.registries"
}

deny contains finding if {
	configured
	some image in input.images
	not approved(image)
	finding := {"id": "not-approved", "container": image.container, "msg": sprintf("%s: %s", [images.describe(image), reason(image)])}
}

# A single text is no list, and must not look like an empty one.
deny contains {"id": "parameter", "remediation": parameters.remedy, "msg": text} if {
	given
	not configured
	text := sprintf("data.config.registries is %s, and must be a list of text", [parameters.shown(data.config.registries)])
}

given if [data.config.registries]

configured if parameters.fits("list of text", data.config.registries)

approved(image) if {
	some pattern in data.config.registries
	images.covers(pattern, images.name(image))
}

reason(image) := sprintf("%s is from no approved registry", [images.name(image)]) if {
	images.readable(image)
} else := "what is written is no image reference, so it is from no approved registry"
