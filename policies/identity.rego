# METADATA
# title: Images are signed by the identity, for the workflow, that their rule names
# description: >-
#   For images of a pattern, demands one verified signature whose certificate names all that the rule asks for: issuer, identity, and
#   claims of the workflow that signed, such as its repository, ref and trigger. It rests on keyless signatures of configured signers
#   (kind cosign-keyless); which of them count at all is the configuration's `signers`. Claims have the names of Fulcio's extensions:
#   `sourceRepositoryURI`, `sourceRepositoryRef`, `sourceRepositoryOwnerURI`, `buildSignerURI`, `buildConfigURI`, `buildTrigger`,
#   `runnerEnvironment`, `githubWorkflowRepository`, `githubWorkflowRef`, `githubWorkflowTrigger`, `githubWorkflowName` and others.
# custom:
#   severity: high
#   mode: "off"
#   remediation: Build and sign the image with the workflow that the rule names.
#   parameters:
#     - name: rules
#       type: list of objects
#       required: true
#       meaning: Which identity is demanded for which images. All rules that cover an image hold.
#       fields:
#         - name: images
#           type: list of text
#           required: true
#           meaning: Registries, paths in one, or globs over the whole name.
#         - name: signers
#           type: list of text
#           default: any configured signer
#           meaning: Names of signers, by one of which the signature must have verified.
#         - name: issuer
#           type: text
#           default: any
#           meaning: Issuer of the token that the certificate was asked with, or a pattern.
#         - name: identity
#           type: text
#           default: any
#           meaning: Subject of the certificate, or a pattern.
#         - name: claims
#           type: map from text to text
#           default: any
#           meaning: Patterns of claims, by name. A certificate that lacks one does not fit.
#     - name: otherImages
#       type: one of deny, allow
#       default: deny
#       meaning: What becomes of images that no rule covers.
package policies.identity

import data.lib.evidence
import data.lib.images
import data.lib.parameters
import data.lib.patterns

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

rules := parameters.value("identity", "rules", [])

deny contains {"id": "parameter", "remediation": parameters.remedy, "msg": text} if {
	some i, rule in rules
	count(object.keys(rule) & {"signers", "issuer", "identity", "claims"}) == 0
	text := sprintf("data.config.identity.rules[%d] demands nothing: it has none of signers, issuer, identity and claims", [i])
}

deny contains images.finding(image, "not-covered", text) if {
	parameters.value("identity", "otherImages", "deny") != "allow"
	some image in input.images
	count(images.entries_for(rules, image)) == 0
	text := uncovered(image)
}

uncovered(image) := sprintf("no rule says which identity must sign %s", [images.name(image)]) if {
	images.readable(image)
} else := "what is written is no image reference, so nobody can have signed it"

deny contains images.finding(image, reason.id, reason.text) if {
	some image in input.images
	some rule in images.entries_for(rules, image)
	count(image.signatures) == 0
	reason := evidence.absence(object.get(rule, "signers", null), image, "a signature by the identity that is demanded")
}

# What could not be read might have been the signature that fits.
deny contains images.finding(image, id, text) if {
	some image in input.images
	some rule in images.entries_for(rules, image)
	count(image.signatures) > 0
	every signature in image.signatures {
		count(differences(rule, signature)) > 0
	}
	unread := evidence.faults(object.get(rule, "signers", null), image)
	id := {true: "unknown", false: "other-identity"}[count(unread) > 0]
	found := sort({sprintf("by %s: %s", [signature.signer, concat(", ", differences(rule, signature))]) |
		some signature in image.signatures
	})
	could_not := [sprintf("not everything could be looked at: %s", [fault]) | some fault in unread]
	text := sprintf("no signature has the identity that is demanded; %s", [concat("; ", array.concat(found, could_not))])
}

# In what a signature is other than a rule demands, in words and order.
differences(rule, signature) := array.concat(
	[sprintf("its signer must be any of %s", [concat(", ", rule.signers)]) |
		rule.signers
		not signature.signer in rule.signers
	],
	array.concat(
		[sprintf("its %s is %s, and must be %s", [name, said(signature[name]), rule[name]]) |
			some name in ["issuer", "identity"]
			rule[name]
			not fits(rule[name], signature[name])
		],
		[sprintf("its %s is %s, and must be %s", [name, said(object.get(signature.claims, name, null)), rule.claims[name]]) |
			some name in sort(patterns.differing(object.get(rule, "claims", {}), signature.claims))
		],
	),
)

fits(pattern, value) if {
	is_string(value)
	patterns.matches(pattern, value)
}

said(null) := "not there"

said(value) := value if value != null
