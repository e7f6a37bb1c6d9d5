package policies.platforms_test

import data.policies.platforms

image(names) := {
	"container": "web",
	"role": "container",
	"written": "app:1",
	"platforms": [{"platform": name} | some name in names],
	"faults": [],
}

ids(names, config) := {finding.id | some finding in found} if {
	found := platforms.deny with input as {"images": [image(names)]} with data.config.platforms as config
}

linux := {"allowed": ["linux/amd64", "linux/arm64/**"]}

test_allowed if ids(["linux/amd64", "linux/arm64/v8"], linux) == set()

test_another if {
	ids(["linux/amd64", "windows/amd64"], linux) == {"not-allowed"}
	some finding in platforms.deny with input as {"images": [image(["windows/amd64"])]} with data.config.platforms as linux
	finding.msg == "container web, image app:1: it is built for windows/amd64; allowed are linux/amd64, linux/arm64/**"
}

test_not_known if ids([], linux) == {"unknown"}

test_parameters if {
	"parameter" in ids(["linux/amd64"], {})
	"parameter" in ids(["linux/amd64"], {"allowed": "linux/amd64"})
}
