package policies.registries_test

import data.policies.registries

image(registry, repository) := {
	"container": "web",
	"role": "container",
	"written": concat("/", [registry, repository]),
	"reference": {"registry": registry, "repository": repository, "tag": "1", "digest": null},
}

denials(images, approved) := result if {
	result := registries.deny with input as {"images": images} with data.config.registries as approved
}

test_an_approved_registry_is_allowed if count(denials([image("registry.corp", "acme/app")], ["registry.corp"])) == 0

test_another_registry_is_denied_by_name if {
	denials([image("evil.example", "app")], ["registry.corp"]) == {{
		"id": "not-approved",
		"container": "web",
		"msg": "container web, image evil.example/app: evil.example/app is from no approved registry",
	}}
}

test_a_longer_host_is_another_registry if count(denials([image("registry.corp.evil.example", "app")], ["registry.corp"])) == 1

test_globs if {
	count(denials([image("ghcr.io", "acme/team/app")], ["ghcr.io/acme/**"])) == 0
	count(denials([image("ghcr.io", "other/app")], ["ghcr.io/acme/**"])) == 1
}

test_no_reference_is_denied if {
	denied := denials([object.union(image("a", "b"), {"reference": null})], ["**"])
	some finding in denied
	contains(finding.msg, "no image reference")
}

test_without_a_list_nothing_is_approved if {
	some finding in registries.deny with input as {"images": [image("registry.corp", "app")]}
	finding.id == "unconfigured"
}

test_what_is_no_list_of_texts_is_denied_by_name if {
	every value in ["registry.corp", {}, [1], [""], null, false] {
		found := denials([image("registry.corp", "app")], value)
		{finding.id | some finding in found} == {"parameter"}
	}
	some finding in denials([], "registry.corp")
	finding.msg == `data.config.registries is "registry.corp", and must be a list of text`
}

test_an_empty_list_approves_nothing if count(denials([image("registry.corp", "app")], [])) == 1
