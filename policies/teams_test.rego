package policies.teams_test

import data.policies.teams

image := {
	"container": "web",
	"role": "container",
	"written": "registry.corp/blue/app:1",
	"reference": {"registry": "registry.corp", "repository": "blue/app", "digest": "sha256:1"},
	"signatures": [{"signer": "blue-ci"}],
	"rejected": [],
	"faults": [],
}

review := {"namespace": "shop", "labels": {"app": "web"}, "namespaceLabels": {"team": "blue"}}

denials(changes, rules) := result if {
	given := {"review": object.union(review, changes), "images": [image]}
	result := teams.deny with input as given with data.config.teams as {"rules": rules}
}

ids(found) := {finding.id | some finding in found}

blue := {"namespaceLabels": {"team": "blue"}, "images": ["registry.corp/blue"], "signers": ["blue-ci"]}

test_a_teams_own_image if count(denials({}, [blue])) == 0

test_another_teams_image_is_denied_by_name if {
	denials({}, [object.union(blue, {"images": ["registry.corp/red"]})]) == {{
		"id": "other-image",
		"container": "web",
		"msg": "container web, image registry.corp/blue/app:1: Pods of namespaces labelled team=blue take images from registry.corp/red only",
	}}
}

test_another_signer if {
	found := denials({}, [object.union(blue, {"signers": ["red-ci"]})])
	ids(found) == {"absent"}
	some finding in found
	endswith(finding.msg, "take images that are signed by any of red-ci: it does not have a signature by red-ci")
}

test_signatures_that_could_not_be_looked_at_are_unknown if {
	fault := {"stage": "signatures", "source": "red-ci", "code": "REGISTRY_UNAVAILABLE", "message": "no answer"}
	broken := object.union(image, {"faults": [fault]})
	found := teams.deny with input as {"review": review, "images": [broken]} with data.config.teams as {"rules": [object.union(blue, {"signers": ["red-ci"]})]}
	ids(found) == {"unknown"}
}

test_labels_that_are_not_known_are_said_to_be if {
	found := denials({"namespaceLabels": null}, [blue])
	ids(found) == {"unknown-labels"}
	some finding in found
	finding.msg == "the labels of the namespace shop are not known, so it is not known which rule for teams holds"
}

test_unknown_labels_do_not_matter_where_no_rule_asks if {
	count(denials({"namespaceLabels": null}, [{"namespaces": ["shop"], "images": ["**"]}])) == 0
	count(denials({"namespaceLabels": null}, [{"namespaces": ["shop"], "images": ["**"]}, object.union(blue, {"namespaces": ["other"]})])) == 0
}

test_unknown_labels_are_said_though_another_rule_fits if {
	ids(denials({"namespaceLabels": null}, [{"images": ["**"]}, blue])) == {"unknown-labels"}
}

test_by_namespace if {
	count(denials({}, [{"namespaces": ["sh*"], "images": ["registry.corp/blue"]}])) == 0
	ids(denials({}, [{"namespaces": ["other"], "images": ["**"]}])) == {"no-rule"}
}

test_by_labels_of_the_pod if {
	count(denials({}, [{"podLabels": {"app": "w*"}, "images": ["**"]}])) == 0
	ids(denials({}, [{"podLabels": {"app": "api"}, "images": ["**"]}])) == {"no-rule"}
}

test_all_conditions_of_a_rule_hold if ids(denials({}, [object.union(blue, {"namespaces": ["other"]})])) == {"no-rule"}

test_all_rules_that_fit_hold if ids(denials({}, [blue, {"images": ["quay.io"]}])) == {"other-image"}

test_other_pods_can_be_allowed if {
	given := {"review": object.union(review, {"namespaceLabels": {"team": "red"}}), "images": [image]}
	count(teams.deny) == 0 with input as given with data.config.teams as {"rules": [blue], "otherPods": "allow"}
}

test_an_image_that_is_no_reference_is_from_nowhere if {
	given := {"review": review, "images": [object.union(image, {"reference": null, "signatures": []})]}
	found := teams.deny with input as given with data.config.teams as {"rules": [blue]}
	ids(found) == {"other-image", "unreadable"}
}

test_parameters if {
	"parameter" in ids(denials({}, [{"namespaces": ["shop"]}]))
	"parameter" in ids(denials({}, [{"namespace": "shop", "images": ["**"]}]))
	found := teams.deny with input as {"review": review, "images": []}
	"parameter" in ids(found)
}
