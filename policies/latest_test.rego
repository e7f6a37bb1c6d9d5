package policies.latest_test

import data.policies.latest

image(tag) := {"container": "web", "role": "container", "written": "app", "reference": {"registry": "docker.io", "repository": "app", "tag": tag}}

test_a_version_is_allowed if count(latest.deny) == 0 with input as {"images": [image("1.27")]}

test_a_digest_alone_is_allowed if count(latest.deny) == 0 with input as {"images": [image(null)]}

test_latest_is_denied_naming_the_container if {
	some finding in latest.deny with input as {"images": [image("latest")]}
	finding.container == "web"
	startswith(finding.msg, "container web, image app: ")
}
