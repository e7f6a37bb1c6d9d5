package policies.image_labels_test

import data.policies.image_labels

image(labels) := {
	"container": "web",
	"role": "container",
	"written": "app:1",
	"platforms": [{"platform": "linux/amd64", "labels": one} | some one in labels],
	"faults": [],
}

ids(labels, required) := {finding.id | some finding in found} if {
	found := image_labels.deny with input as {"images": [image(labels)]} with data.config.image_labels as {"required": required}
}

source := {"org.opencontainers.image.source": "https://github.com/acme/**"}

test_all_there if ids([{"org.opencontainers.image.source": "https://github.com/acme/app"}], source) == set()

test_missing_and_other_values_are_named if {
	ids([{}], source) == {"label"}
	found := image_labels.deny with input as {"images": [image([{"team": "red"}])]} with data.config.image_labels.required as {"team": "blue", "owner": "**"}
	{finding.msg | some finding in found} == {
		"container web, image app:1: linux/amd64 has the label team with the value red, which must be blue",
		"container web, image app:1: linux/amd64 has no label owner, which must be **",
	}
}

test_every_platform_counts if ids([{"a": "1"}, {}], {"a": "*"}) == {"label"}

test_not_known if ids([], source) == {"unknown"}

test_parameters if {
	some finding in image_labels.deny with input as {"images": []}
	finding.id == "parameter"
	"parameter" in ids([{}], ["team"])
}
