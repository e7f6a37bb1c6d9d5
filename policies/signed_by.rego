# METADATA
# title: Images are signed by whom their rule demands
# description: >-
#   For images of a pattern, demands signatures that verified by any one of some signers, by all of some, or by at least so many of some.
#   All rules that cover an image hold. For `atLeast` a key or identity counts once, under however many names it is configured. What could
#   not be looked at is reported as that, and never as unsigned.
# custom:
#   severity: high
#   mode: "off"
#   remediation: Have the image signed by the signers that the message names.
#   parameters:
#     - name: rules
#       type: list of objects
#       required: true
#       meaning: What is demanded of which images. A rule has at least one of `anyOf`, `allOf` and `of`.
#       fields:
#         - name: images
#           type: list of text
#           required: true
#           meaning: Registries, paths in one, or globs over the whole name.
#         - name: anyOf
#           type: list of text
#           meaning: Names of signers, one of which must have signed.
#         - name: allOf
#           type: list of text
#           meaning: Names of signers, all of which must have signed.
#         - name: of
#           type: list of text
#           meaning: Names of signers, of which `atLeast` must have signed.
#         - name: atLeast
#           type: number
#           default: all of them
#           meaning: How many of `of`.
#     - name: otherImages
#       type: one of deny, allow
#       default: deny
#       meaning: What becomes of images that no rule covers.
package policies.signed_by

import data.lib.evidence
import data.lib.images
import data.lib.parameters

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

rules := parameters.value("signed_by", "rules", [])

deny contains {"id": "parameter", "remediation": parameters.remedy, "msg": text} if {
	some i, rule in rules
	some wrong in senseless(rule)
	text := sprintf("data.config.signed_by.rules[%d] %s", [i, wrong])
}

senseless(rule) := ((({text |
	count(object.keys(rule) & {"anyOf", "allOf", "of"}) == 0
	text := "demands nothing: it has none of anyOf, allOf and of"
} | {text |
	rule.atLeast
	not rule.of
	text := "has atLeast without of"
}) | {text |
	rule.atLeast > count({signer | some signer in rule.of})
	text := sprintf("demands %d of %d signers", [rule.atLeast, count(rule.of)])
}) | {text |
	rule.atLeast == 0
	text := "demands 0 signers, which is nothing"
}) | {text |
	some key in ["allOf", "of"]
	count(rule[key]) == 0
	text := sprintf("has an empty list as %s, which demands nothing", [key])
}

deny contains images.finding(image, "not-covered", text) if {
	parameters.value("signed_by", "otherImages", "deny") != "allow"
	some image in input.images
	count(images.entries_for(rules, image)) == 0
	text := uncovered(image)
}

uncovered(image) := sprintf("no rule says who must sign %s", [images.name(image)]) if {
	images.readable(image)
} else := "what is written is no image reference, so nobody can have signed it"

deny contains images.finding(image, reason.id, text) if {
	some image in input.images
	some rule in images.entries_for(rules, image)
	some demand in unmet(rule, image)
	reason := evidence.absence(demand.missing, image, sprintf("a signature by %s", [concat(" or ", sort(demand.missing))]))
	text := sprintf("it must be signed by %s, and is signed by %s: %s", [demand.text, who(image), reason.text])
}

# What a rule demands and an image lacks: in words, and whose signatures would help.
unmet(rule, image) := ({demand |
	rule.anyOf
	missing := {signer | some signer in rule.anyOf}
	count(missing & signers(image)) == 0
	demand := {"text": sprintf("any of %s", [listed(missing)]), "missing": missing}
} | {demand |
	wanted := {signer | some signer in rule.allOf}
	missing := wanted - signers(image)
	count(missing) > 0
	demand := {"text": sprintf("all of %s", [listed(wanted)]), "missing": missing}
}) | {demand |
	wanted := {signer | some signer in rule.of}
	most := object.get(rule, "atLeast", count(wanted))
	counted(wanted, image) < most
	demand := {"text": sprintf("at least %d of %s", [most, listed(wanted)]), "missing": lacking(wanted - signers(image), wanted)}
}

# Where all have signed and yet too few keys have, any of them would help.
lacking(missing, _) := missing if count(missing) > 0

lacking(missing, wanted) := wanted if count(missing) == 0

# One key under two names is one who vouches, and so is one name that signs twice.
counted(wanted, image) := min([
	count(wanted & signers(image)),
	count({key |
		some signature in image.signatures
		signature.signer in wanted
		key := [object.get(signature, field, null) | some field in ["keyId", "issuer", "identity"]]
	}),
])

signers(image) := {signature.signer | some signature in image.signatures}

who(image) := listed(signers(image)) if {
	count(image.signatures) > 0
} else := "nobody"

listed(names) := concat(", ", sort(names))
