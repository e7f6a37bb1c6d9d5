# METADATA
# title: Images were built by an approved builder from an approved source
# description: >-
#   SLSA provenance (v0.2 or v1), attested by a named signer, says that a builder on the list built the image, at the level that its rule
#   demands, from a repository that its rule allows. A predicate does not say its level: the level is what `builders` gives the builder, as
#   https://slsa.dev/spec/v1.0/verifying-artifacts has it. The source is what the build was asked to build (the workflow's repository, the
#   configuration's source), else every Git repository among the materials; all of them must be allowed. What a signer attests is believed:
#   name signers that only the builder has.
# custom:
#   severity: high
#   mode: "off"
#   remediation: Build the image with an approved builder and attest its provenance, as `actions/attest-build-provenance` does.
#   parameters:
#     - name: builders
#       type: map from text to number
#       required: true
#       meaning: The SLSA build level of builders, by id or pattern of ids. Of several that fit, the highest counts.
#     - name: rules
#       type: list of objects
#       required: true
#       meaning: What is demanded of which images. All rules that cover an image hold.
#       fields:
#         - name: images
#           type: list of text
#           required: true
#           meaning: Registries, paths in one, or globs over the whole name.
#         - name: signers
#           type: list of text
#           required: true
#           meaning: Names of signers, by any of which the provenance is attested.
#         - name: level
#           type: number
#           default: any level of a builder that is listed
#           meaning: The least level.
#         - name: sources
#           type: list of text
#           default: any source
#           meaning: Repositories such as `https://github.com/acme/app`, or patterns.
#     - name: otherImages
#       type: one of deny, allow
#       default: deny
#       meaning: What becomes of images that no rule covers.
package policies.provenance

import data.lib.attestations
import data.lib.evidence
import data.lib.images
import data.lib.parameters
import data.lib.patterns
import data.lib.provenance

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

rules := parameters.value("provenance", "rules", [])

builders := parameters.value("provenance", "builders", {})

deny contains images.finding(image, "not-covered", text) if {
	parameters.value("provenance", "otherImages", "deny") != "allow"
	some image in input.images
	count(images.entries_for(rules, image)) == 0
	text := uncovered(image)
}

uncovered(image) := sprintf("no rule says how %s must be built", [images.name(image)]) if {
	images.readable(image)
} else := "what is written is no image reference, so it has no provenance"

deny contains images.finding(image, reason.id, reason.text) if {
	some image in input.images
	some rule in images.entries_for(rules, image)
	count(attestations.by(rule.signers, provenance.types, image)) == 0
	reason := evidence.absence(rule.signers, image, sprintf("SLSA provenance attested by %s", [concat(" or ", rule.signers)]))
}

deny contains images.finding(image, "other-build", text) if {
	some image in input.images
	some rule in images.entries_for(rules, image)
	found := attestations.by(rule.signers, provenance.types, image)
	count(found) > 0
	not attestations.cover([attestation | some attestation in found; count(faults(rule, attestation.predicate)) == 0], image)
	reasons := sort({sprintf("by %s: %s", [attestation.signer, concat(", ", sort(faults(rule, attestation.predicate)))]) |
		some attestation in found
		count(faults(rule, attestation.predicate)) > 0
	})
	text := sprintf("no provenance of it is as it must be%s", [concat("", [sprintf("; %s", [reason]) | some reason in reasons])])
}

# Why a provenance does not do.
faults(rule, predicate) := (({text |
	id := provenance.builder(predicate)
	not level(id)
	text := sprintf("the builder %s is not listed", [said(id)])
} | {text |
	id := provenance.builder(predicate)
	level(id) < rule.level
	text := sprintf("the builder %s has level %d, and must have %d", [id, level(id), rule.level])
}) | {text |
	rule.sources
	count(provenance.sources(predicate)) == 0
	text := "it names no source repository"
}) | {text |
	rule.sources
	some source in provenance.sources(predicate)
	not patterns.any_matches(rule.sources, source)
	text := sprintf("the source %s is not any of %s", [source, concat(", ", rule.sources)])
}

level(id) := max({number |
	some pattern, number in builders
	patterns.matches(pattern, id)
})

said("") := "(none named)"

said(id) := id if id != ""
