# METADATA
# title: Images are signed
# description: >-
#   Every image carries a signature that verified, by a configured signer that counts for it. Which signers count is the configuration's
#   `signers`. An image for which no signer is configured can't have such a signature and is denied.
# custom:
#   severity: high
#   remediation: Sign the image with the key or identity of a configured signer, or configure a signer for it.
#   parameters:
#     - name: signers
#       type: list of text
#       default: any configured signer
#       meaning: Names of signers, any one of which is enough. An empty list accepts nobody.
package policies.signed

import data.lib.images
import data.lib.parameters

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

deny contains finding if {
	some image in input.images
	not signed(image)
	finding := {
		"id": reason(image).id,
		"container": image.container,
		"msg": sprintf("%s: %s", [images.describe(image), reason(image).text]),
	}
}

signed(image) if {
	some signature in image.signatures
	accepted(signature.signer)
}

# Any configured signer, unless a list is given; an empty list accepts nobody.
accepted(_) if not data.config.signed.signers

accepted(signer) if signer in data.config.signed.signers

# The first that applies: what could not be looked at is never called unsigned.
reason(image) := {"id": "unreadable", "text": "what is written is no image reference, so nothing can be signed"} if {
	not images.readable(image)
} else := {"id": "unresolved", "text": "the image could not be resolved to a digest, so no signature could be looked for"} if {
	not resolved(image)
} else := {"id": "other-signer", "text": text} if {
	count(image.signatures) > 0
	names := sort({signature.signer | some signature in image.signatures})
	text := sprintf("it is signed by %s, none of which this policy accepts", [concat(", ", names)])
} else := {"id": "unknown", "text": text} if {
	faults := sort({sprintf("%s (%s): %s", [fault.code, fault.source, fault.message]) |
		some fault in image.faults
		fault.stage == "signatures"
	})
	count(faults) > 0
	text := sprintf("whether it is signed is not known, since not all signatures could be looked at: %s", [concat("; ", faults)])
} else := {"id": "rejected", "text": text} if {
	rejected := sort({sprintf("%s (%s): %s", [entry.code, entry.source, entry.message]) |
		some entry in image.rejected
		entry.stage == "signatures"
	})
	count(rejected) > 0
	text := sprintf("it has no good signature by a configured signer: %s", [concat("; ", rejected)])
} else := {"id": "unsigned", "text": "no signature by a configured signer"}

resolved(image) if is_string(image.reference.digest)
