package policies.pull_policy_test

import data.policies.pull_policy

image(written, tag, pinned, policy) := {
	"container": "web",
	"role": "container",
	"written": written,
	"reference": {"tag": tag},
	"pinned": pinned,
	"admitted": {true: concat("@", [written, "sha256:1"]), false: written}[pinned],
	"pullPolicy": policy,
}

ids(one, config) := {finding.id | some finding in found} if {
	found := pull_policy.deny with input as {"images": [one]} with data.config.pull_policy as config
}

test_pinned if {
	ids(image("app:1", "1", true, "IfNotPresent"), {}) == set()
	ids(image("app:1", "1", true, "Always"), {}) == set()
	ids(image("app:1", "1", true, null), {}) == set()
	ids(image("app:1", "1", true, "Never"), {}) == {"pinned"}
}

test_by_tag if {
	ids(image("app:1", "1", false, "Always"), {}) == set()
	ids(image("app:1", "1", false, "IfNotPresent"), {}) == {"by-tag"}
	ids(image("app:1", "1", false, "Never"), {}) == {"by-tag"}
}

test_the_default_of_the_api_server if {
	ids(image("app:1", "1", false, null), {}) == {"by-tag"}
	ids(image("app", "latest", false, null), {}) == set()
}

test_a_digest_that_is_written_is_pulled_once_by_default if {
	one := image("app@sha256:1", "latest", true, null)
	ids(one, {}) == set()
	ids(one, {"pinned": ["Always"]}) == {"pinned"}
}

test_the_message_says_what_it_may_have if {
	some finding in pull_policy.deny with input as {"images": [image("app:1", "1", true, "Never")]}
	finding.msg == "container web, image app:1: it is pinned by digest and has imagePullPolicy Never; it may have Always or IfNotPresent"
}

test_what_is_pulled_counts if {
	liar := object.union(image("app:1", "1", true, "IfNotPresent"), {"admitted": "app:1"})
	ids(liar, {}) == {"by-tag"}
}

test_parameters if {
	ids(image("app:1", "1", true, "Always"), {"pinned": ["IfNotPresent"]}) == {"pinned"}
	ids(image("app:1", "1", false, "IfNotPresent"), {"byTag": ["Always", "IfNotPresent"]}) == set()
	"parameter" in ids(image("app:1", "1", true, "Always"), {"pinned": ["always"]})
	"parameter" in ids(image("app:1", "1", true, "Always"), {"tagged": []})
}
