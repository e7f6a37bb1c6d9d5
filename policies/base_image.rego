# METADATA
# title: Images are built on approved bases
# description: >-
#   Says on what it rests: `provenance` takes the images among the materials of SLSA provenance that a named signer attested, those of build
#   stages included; `declared` takes the annotations or labels `org.opencontainers.image.base.name` of each platform, which whoever built
#   the image wrote and nobody vouches for but whoever signed it. An image that names no base is denied, since one built from scratch can't
#   be told from one that says nothing. Layers are not compared.
# custom:
#   severity: medium
#   mode: "off"
#   remediation: Build the image on an approved base, and say so in its provenance or annotations.
#   parameters:
#     - name: allowed
#       type: list of text
#       required: true
#       meaning: Registries, paths in one, or globs over the name of a base, without tag and digest.
#     - name: restsOn
#       type: one of provenance, declared
#       default: provenance
#       meaning: By what the base is known.
#     - name: signers
#       type: list of text
#       default: any configured signer
#       meaning: Names of signers, by any of which the provenance is attested.
#     - name: withoutBase
#       type: one of deny, allow
#       default: deny
#       meaning: What becomes of an image whose provenance, or whose annotations and labels, name no base.
package policies.base_image

import data.lib.attestations
import data.lib.evidence
import data.lib.images
import data.lib.parameters
import data.lib.provenance

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

allowed := parameters.value("base_image", "allowed", [])

rests_on := parameters.value("base_image", "restsOn", "provenance")

signers := parameters.value("base_image", "signers", null)

without_base_is_denied if parameters.value("base_image", "withoutBase", "deny") != "allow"

deny contains images.finding(image, reason.id, reason.text) if {
	rests_on == "provenance"
	some image in input.images
	not attestations.cover(attestations.by(signers, provenance.types, image), image)
	reason := evidence.absence(signers, image, sprintf("SLSA provenance attested by %s, by which its base would be known", [whom]))
}

default whom := "a configured signer"

whom := concat(" or ", signers) if signers != null

deny contains images.finding(image, "no-base", text) if {
	rests_on == "provenance"
	without_base_is_denied
	some image in input.images
	some attestation in attestations.by(signers, provenance.types, image)
	count(provenance.image_materials(attestation.predicate)) == 0
	text := sprintf("its provenance by %s names no base image", [attestation.signer])
}

deny contains images.finding(image, "other-base", text) if {
	rests_on == "provenance"
	some image in input.images
	some attestation in attestations.by(signers, provenance.types, image)
	some base in provenance.image_materials(attestation.predicate)
	not approved(base)
	text := sprintf("its provenance by %s says that it was built with %s, which is no approved base", [attestation.signer, base])
}

deny contains images.finding(image, "unknown", text) if {
	rests_on == "declared"
	some image in input.images
	unread := evidence.unknown_configuration(image)
	text := sprintf("its base is not known: %s", [unread])
}

deny contains images.finding(image, "no-base", text) if {
	rests_on == "declared"
	without_base_is_denied
	some image in input.images
	some platform in image.platforms
	count(declared(platform)) == 0
	text := sprintf("%s names no base image: it has neither an annotation nor a label org.opencontainers.image.base.name", [platform.platform])
}

deny contains images.finding(image, "other-base", text) if {
	rests_on == "declared"
	some image in input.images
	some platform in image.platforms
	some base in declared(platform)
	not approved(base)
	text := sprintf("%s says that it was built on %s, which is no approved base", [platform.platform, base])
}

# What annotation and label say; both must be approved.
declared(platform) := {qualified(name) |
	some texts in [platform.annotations, platform.labels]
	name := texts["org.opencontainers.image.base.name"]
	name != ""
}

qualified(name) := provenance.qualified(name)

approved(base) if {
	some pattern in allowed
	images.covers(pattern, bare(base))
}

# Without digest and tag; a colon before the last slash is a port's.
bare(base) := regex.find_all_string_submatch_n(`^(.*?)(:[^/:]*)?$`, split(base, "@")[0], 1)[0][1]
