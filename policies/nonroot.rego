# METADATA
# title: Images run as non-root
# description: >-
#   The configuration of the image names, on every platform that may run, a numeric user other than 0. No user means root; so do `0`, `root`
#   and their like. A name can be any number in the image's /etc/passwd, which nobody read, so it is denied unless it is listed. It rests on
#   the image alone: `runAsUser` of a Pod can still say otherwise, in both directions, and is a matter for Pod Security Admission. Image
#   volumes are not run and not judged.
# custom:
#   severity: high
#   mode: "off"
#   remediation: Set a numeric user in the image, such as `USER 65532`.
#   parameters:
#     - name: users
#       type: list of text
#       default: none
#       meaning: Names that are taken for users other than root, such as `nonroot`.
package policies.nonroot

import data.lib.evidence
import data.lib.images
import data.lib.parameters

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

deny contains images.finding(image, "unknown", text) if {
	some image in input.images
	image.role != "imageVolume"
	unread := evidence.unknown_configuration(image)
	text := sprintf("as whom it runs is not known: %s", [unread])
}

deny contains images.finding(image, reason.id, reason.text) if {
	some image in input.images
	image.role != "imageVolume"
	some platform in image.platforms
	reason := problem(platform)
}

# `USER[:GROUP]`: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties
user(platform) := split(object.get(platform, "user", ""), ":")[0] if {
	is_string(platform.user)
} else := ""

problem(platform) := {"id": "root", "text": text} if {
	user(platform) == ""
	text := sprintf("%s names no user, so it runs as root", [platform.platform])
} else := {"id": "root", "text": text} if {
	is_root(user(platform))
	text := sprintf("%s runs as %s, which is root", [platform.platform, platform.user])
} else := {"id": "named-user", "text": text} if {
	not is_number_of_a_user(user(platform))
	not user(platform) in parameters.value("nonroot", "users", [])
	text := sprintf("%s runs as %s, a name that may be root's: nobody can tell without looking into the image", [platform.platform, platform.user])
}

# What a runtime reads as the number 0, with whatever sign and zeros.
is_root(name) if regex.match(`^[+-]?0+$`, name)

is_root(name) if lower(trim_space(name)) in {"root", "containeradministrator", "administrator"}

is_number_of_a_user(name) if regex.match(`^[0-9]{1,10}$`, name)
