# METADATA
# title: Teams use the images of their team
# description: >-
#   Rules by namespace, by labels of the namespace, or by labels of the Pod say from where images come and who signs them. All rules that
#   fit a Pod hold. Whoever may label a namespace decides about it; labels of a Pod are chosen by whoever creates it, so a rule by them
#   should only ever narrow what others allow. While the labels of a namespace are not known, every Pod in it that a rule might concern is
#   denied as just that.
# custom:
#   severity: high
#   mode: "off"
#   remediation: Use an image that your team may use, or ask for a rule in policy.data.teams.
#   parameters:
#     - name: rules
#       type: list of objects
#       required: true
#       meaning: Which images whose Pods may have. A rule has at least one of `images` and `signers`.
#       fields:
#         - name: namespaces
#           type: list of text
#           default: all
#           meaning: Names of namespaces, or patterns.
#         - name: namespaceLabels
#           type: map from text to text
#           default: any
#           meaning: Patterns of labels that the namespace has.
#         - name: podLabels
#           type: map from text to text
#           default: any
#           meaning: Patterns of labels that the Pod has.
#         - name: images
#           type: list of text
#           meaning: Registries, paths in one, or globs over the whole name, from which all images must come.
#         - name: signers
#           type: list of text
#           meaning: Names of signers, one of which must have signed each image.
#     - name: otherPods
#       type: one of deny, allow
#       default: deny
#       meaning: What becomes of Pods that no rule fits.
package policies.teams

import data.lib.evidence
import data.lib.images
import data.lib.parameters
import data.lib.patterns

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

rules := parameters.value("teams", "rules", [])

deny contains {"id": "parameter", "remediation": parameters.remedy, "msg": text} if {
	some i, rule in rules
	count(object.keys(rule) & {"images", "signers"}) == 0
	text := sprintf("data.config.teams.rules[%d] demands nothing: it has none of images and signers", [i])
}

# Rules that fit whatever the namespace's labels are, and those for which they would have to be known.
candidates := [rule |
	some rule in rules
	in_namespace(rule)
	count(patterns.differing(object.get(rule, "podLabels", {}), input.review.labels)) == 0
]

in_namespace(rule) if not rule.namespaces

in_namespace(rule) if patterns.any_matches(rule.namespaces, input.review.namespace)

unknown if {
	input.review.namespaceLabels == null
	some rule in candidates
	rule.namespaceLabels
}

deny contains {"id": "unknown-labels", "msg": text} if {
	unknown
	text := sprintf("the labels of the namespace %s are not known, so it is not known which rule for teams holds", [input.review.namespace])
}

fitting := [rule | some rule in candidates; fits_labels(rule)]

fits_labels(rule) if not rule.namespaceLabels

fits_labels(rule) if {
	input.review.namespaceLabels != null
	count(patterns.differing(rule.namespaceLabels, input.review.namespaceLabels)) == 0
}

deny contains {"id": "no-rule", "msg": text} if {
	parameters.value("teams", "otherPods", "deny") != "allow"
	not unknown
	count(fitting) == 0
	text := sprintf("no rule for teams fits this Pod in the namespace %s", [input.review.namespace])
}

deny contains images.finding(image, "other-image", text) if {
	some rule in fitting
	some image in input.images
	rule.images
	not covered(rule.images, image)
	text := sprintf("Pods of %s take images from %s only", [whose(rule), concat(", ", rule.images)])
}

covered(list, image) if {
	some pattern in list
	images.covers(pattern, images.name(image))
}

deny contains images.finding(image, reason.id, text) if {
	some rule in fitting
	some image in input.images
	rule.signers
	count({signature.signer | some signature in image.signatures} & {signer | some signer in rule.signers}) == 0
	reason := evidence.absence(rule.signers, image, sprintf("a signature by %s", [concat(" or ", rule.signers)]))
	text := sprintf("Pods of %s take images that are signed by any of %s: %s", [whose(rule), concat(", ", rule.signers), reason.text])
}

# Whom a rule is about, for people.
whose(rule) := concat(" and ", array.concat(
	[sprintf("namespaces %s", [concat(", ", rule.namespaces)]) | rule.namespaces],
	array.concat(labelled("namespaces", object.get(rule, "namespaceLabels", {})), labelled("Pods", object.get(rule, "podLabels", {}))),
)) if {
	count(object.keys(rule) & {"namespaces", "namespaceLabels", "podLabels"}) > 0
} else := "all namespaces"

labelled(_, labels) := [] if count(labels) == 0

labelled(kind, labels) := [sprintf("%s labelled %s", [kind, concat(", ", sort({sprintf("%s=%s", [name, value]) | some name, value in labels}))])] if {
	count(labels) > 0
}
