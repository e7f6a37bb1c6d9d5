package policies.signed_by_test

import data.policies.signed_by

signature(signer, key) := {"signer": signer, "keyId": key, "issuer": null, "identity": null}

image(signatures) := {
	"container": "web",
	"role": "container",
	"written": "registry.corp/acme/app:1",
	"reference": {"registry": "registry.corp", "repository": "acme/app", "tag": "1", "digest": "sha256:1"},
	"signatures": signatures,
	"rejected": [],
	"faults": [],
}

a := signature("a", "1")

b := signature("b", "2")

c := signature("c", "3")

denials(signatures, rule) := result if {
	rules := [object.union({"images": ["registry.corp/acme"]}, rule)]
	result := signed_by.deny with input as {"images": [image(signatures)]} with data.config.signed_by as {"rules": rules}
}

ids(found) := {finding.id | some finding in found}

test_any_of if {
	count(denials([b], {"anyOf": ["a", "b"]})) == 0
	denials([c], {"anyOf": ["a", "b"]}) == {{
		"id": "absent",
		"container": "web",
		"msg": "container web, image registry.corp/acme/app:1: it must be signed by any of a, b, and is signed by c: it does not have a signature by a or b",
	}}
}

test_all_of if {
	count(denials([a, b], {"allOf": ["a", "b"]})) == 0
	some finding in denials([a], {"allOf": ["a", "b"]})
	endswith(finding.msg, "it must be signed by all of a, b, and is signed by a: it does not have a signature by b")
}

test_so_many_of if {
	count(denials([a, c], {"of": ["a", "b", "c"], "atLeast": 2})) == 0
	some finding in denials([a], {"of": ["a", "b", "c"], "atLeast": 2})
	contains(finding.msg, "at least 2 of a, b, c, and is signed by a")
}

test_of_is_all_of_them_where_no_number_is_given if count(denials([a, b], {"of": ["a", "b", "c"]})) == 1

test_one_key_under_two_names_counts_once if {
	found := denials([signature("a", "1"), signature("b", "1")], {"of": ["a", "b"], "atLeast": 2})
	count(found) == 1
}

test_one_name_with_two_keys_counts_once if {
	count(denials([signature("a", "1"), signature("a", "2")], {"of": ["a", "b"], "atLeast": 2})) == 1
}

test_identities_without_keys_count_apart if {
	x := {"signer": "a", "keyId": null, "issuer": "i", "identity": "x"}
	y := {"signer": "b", "keyId": null, "issuer": "i", "identity": "y"}
	count(denials([x, y], {"of": ["a", "b"]})) == 0
	count(denials([x, object.union(x, {"signer": "b"})], {"of": ["a", "b"]})) == 1
}

test_unsigned if {
	some finding in denials([], {"anyOf": ["a"]})
	contains(finding.msg, "and is signed by nobody")
}

test_all_rules_that_cover_hold if {
	rules := [{"images": ["**"], "anyOf": ["a"]}, {"images": ["registry.corp"], "anyOf": ["b"]}]
	count(signed_by.deny) == 0 with input as {"images": [image([a, b])]} with data.config.signed_by as {"rules": rules}
	count(signed_by.deny) == 1 with input as {"images": [image([a])]} with data.config.signed_by as {"rules": rules}
}

test_what_could_not_be_looked_at_is_unknown if {
	fault := {"stage": "signatures", "source": "a", "code": "REGISTRY_UNAVAILABLE", "message": "no answer"}
	broken := object.union(image([]), {"faults": [fault]})
	found := signed_by.deny with input as {"images": [broken]} with data.config.signed_by as {"rules": [{"images": ["**"], "anyOf": ["a"]}]}
	ids(found) == {"unknown"}
	other := signed_by.deny with input as {"images": [broken]} with data.config.signed_by as {"rules": [{"images": ["**"], "anyOf": ["b"]}]}
	ids(other) == {"absent"}
}

test_other_images if {
	found := signed_by.deny with input as {"images": [image([a])]} with data.config.signed_by as {"rules": []}
	ids(found) == {"not-covered"}
	count(signed_by.deny) == 0 with input as {"images": [image([a])]} with data.config.signed_by as {"rules": [], "otherImages": "allow"}
	unreadable := signed_by.deny with input as {"images": [object.union(image([]), {"reference": null})]} with data.config.signed_by as {"rules": []}
	ids(unreadable) == {"not-covered"}
}

test_without_rules_it_says_so if {
	found := signed_by.deny with input as {"images": []}
	ids(found) == {"parameter"}
}

test_senseless_rules_are_named if {
	every rule in [{}, {"of": ["a"], "atLeast": 2}, {"anyOf": ["a"], "atLeast": 1}, {"of": ["a"], "atLeast": 0}, {"allOf": []}, {"of": []}] {
		"parameter" in ids(denials([a, b, c], rule))
	}
	some finding in denials([a], {"of": ["a", "a"], "atLeast": 2})
	contains(finding.msg, "data.config.signed_by.rules[0] demands 2 of 2 signers")
}
