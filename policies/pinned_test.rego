package policies.pinned_test

import data.policies.pinned

image := {"container": "web", "role": "container", "written": "app:1", "admitted": "app:1@sha256:11", "pinned": true}

test_a_pinned_image_is_allowed if count(pinned.deny) == 0 with input as {"images": [image]}

test_an_image_without_a_digest_is_denied if {
	some finding in pinned.deny with input as {"images": [object.union(image, {"pinned": false, "admitted": "app:1"})]}
	finding.container == "web"
	startswith(finding.msg, "container web, image app:1: ")
}

test_what_is_pulled_counts_and_not_what_is_said if {
	count(pinned.deny) == 1 with input as {"images": [object.union(image, {"admitted": "app:1"})]}
}
