package policies.image_age_test

import data.policies.image_age

image(platforms, signatures) := {
	"container": "web",
	"role": "container",
	"written": "app:1",
	"reference": {"registry": "docker.io", "repository": "library/app", "digest": "sha256:1"},
	"platforms": platforms,
	"signatures": signatures,
	"rejected": [],
	"faults": [],
}

created(time) := image([{"platform": "linux/amd64", "created": time}], [])

signed(time) := image([], [{"signer": "ci", "signedAt": time}])

ids(one, config) := {finding.id | some finding in found} if {
	found := image_age.deny with input as {"now": "2026-11-24T00:00:00Z", "images": [one]} with data.config.image_age as config
}

month := {"maxAge": "30d"}

by_signature := {"maxAge": "30d", "from": "signed"}

test_young if {
	ids(created("2026-11-01T00:00:00Z"), month) == set()
	ids(created("2026-10-25T00:00:00.5Z"), month) == set()
}

test_old if {
	ids(created("2026-10-24T00:00:00Z"), month) == {"too-old"}
	found := image_age.deny with input as {"now": "2026-11-24T00:00:00Z", "images": [created("2026-01-01T00:00:00Z")]} with data.config.image_age as month
	some finding in found
	finding.msg == "container web, image app:1: linux/amd64 was created 2026-01-01T00:00:00Z, longer ago than 30d"
}

test_every_platform_counts if {
	both := image([{"platform": "a", "created": "2026-11-23T00:00:00Z"}, {"platform": "b", "created": "2026-01-01T00:00:00Z"}], [])
	ids(both, month) == {"too-old"}
}

test_a_time_that_says_nothing_is_unknown if {
	every time in [null, "", "yesterday", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "2026-11-24T00:06:00Z"] {
		ids(created(time), month) == {"unknown"}
	}
}

test_clocks_may_differ if ids(created("2026-11-24T00:04:00Z"), month) == set()

test_an_image_whose_configuration_was_not_read_is_unknown if ids(image([], []), month) == {"unknown"}

test_by_signature if {
	ids(signed("2026-11-01T00:00:00Z"), by_signature) == set()
	ids(signed("2026-01-01T00:00:00Z"), by_signature) == {"too-old"}
	ids(signed(null), by_signature) == {"unknown"}
	ids(image([], []), by_signature) == {"absent"}
}

test_the_newest_signature_counts if {
	ids(image([], [{"signedAt": "2026-01-01T00:00:00Z"}, {"signedAt": "2026-11-01T00:00:00Z"}, {"signedAt": null}]), by_signature) == set()
}

test_signatures_that_could_not_be_looked_at_are_not_absent if {
	fault := {"stage": "signatures", "source": "ci", "code": "REGISTRY_UNAVAILABLE", "message": "no answer"}
	ids(object.union(image([], []), {"faults": [fault]}), by_signature) == {"unknown"}
}

test_parameters if {
	ids(created("2026-11-23T00:00:00Z"), {}) == {"parameter"}
	ids(created("2026-11-23T00:00:00Z"), {"maxAge": 30}) == {"parameter"}
	ids(created("2026-11-23T00:00:00Z"), {"maxAge": "30d", "from": "pushed"}) == {"parameter"}
}
