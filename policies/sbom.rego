# METADATA
# title: Images have an SBOM that a named signer attested
# description: >-
#   An SPDX or CycloneDX document about the image is attested by one of `signers`, can be read, and lists packages. One about an index is
#   taken for all of its platforms. What could not be looked at is reported as that. Whether the document is complete nobody can tell: that
#   rests on the signer.
# custom:
#   severity: medium
#   mode: "off"
#   remediation: Make an SBOM with `trivy image --format cyclonedx` or `spdx-json`, and attest it with `cosign attest --type cyclonedx` or `spdxjson`.
#   parameters:
#     - name: signers
#       type: list of text
#       required: true
#       meaning: Names of signers, any one of which is enough.
#     - name: formats
#       type: list of one of spdx, cyclonedx
#       default: both
#       meaning: Which documents count.
#     - name: leastPackages
#       type: number
#       default: "1"
#       meaning: How many packages a document must list.
package policies.sbom

import data.lib.attestations
import data.lib.evidence
import data.lib.images
import data.lib.parameters
import data.lib.sboms

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

signers := parameters.value("sbom", "signers", [])

least := parameters.value("sbom", "leastPackages", 1)

types := [type |
	some format in parameters.value("sbom", "formats", ["spdx", "cyclonedx"])
	some type in sboms.types[format]
]

what := sprintf("an SBOM attested by %s", [concat(" or ", signers)])

deny contains images.finding(image, reason.id, reason.text) if {
	some image in input.images
	count(attestations.by(signers, types, image)) == 0
	reason := evidence.absence(signers, image, what)
}

deny contains images.finding(image, "unreadable", text) if {
	some image in input.images
	found := attestations.by(signers, types, image)
	count(found) > 0
	not attestations.cover([attestation | some attestation in found; enough(attestation)], image)
	reasons := sort({sprintf("that of %s %s", [attestation.signer, problem(attestation)]) |
		some attestation in found
		not enough(attestation)
	})
	text := sprintf("it does not have %s that can be used for all of it%s", [what, concat("", [sprintf(": %s", [concat("; ", reasons)]) | count(reasons) > 0])])
}

enough(attestation) if count(sboms.packages(attestation.predicate)) >= least

problem(attestation) := sprintf("lists %d packages, and must list %d", [count(sboms.packages(attestation.predicate)), least]) if {
	sboms.packages(attestation.predicate)
} else := "is no SPDX or CycloneDX document in JSON"
