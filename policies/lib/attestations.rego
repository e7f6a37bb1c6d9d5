# METADATA
# title: Words for attestations
# description: >-
#   Finds the attestations of some predicate types that verified by some signers. They are looked for at the image that is named; one about
#   an index is taken for all of its platforms.
package lib.attestations

import data.lib.patterns

# Attestations of an image by signers (null: by any) whose predicate type fits one of some patterns.
by(signers, types, image) := [attestation |
	some attestation in image.attestations
	signed_by(signers, attestation)
	patterns.any_matches(types, attestation.predicateType)
]

signed_by(null, _)

signed_by(signers, attestation) if attestation.signer in signers

# Whether attestations are about all of an image: about the digest that is named, or about each of its platforms.
cover(attestations, image) if {
	some attestation in attestations
	attestation.subject == image.reference.digest
}

cover(attestations, image) if {
	count(image.platforms) > 0
	subjects := {attestation.subject | some attestation in attestations}
	every platform in image.platforms {
		platform.digest in subjects
	}
}
