package policies.nonroot_test

import data.policies.nonroot

image(users) := {
	"container": "web",
	"role": "container",
	"written": "app:1",
	"platforms": [{"platform": sprintf("linux/%d", [i]), "user": user} | some i, user in users],
	"faults": [],
}

ids(one) := {finding.id | some finding in found} if {
	found := nonroot.deny with input as {"images": [one]}
}

test_a_number_other_than_0 if {
	every user in ["65532", "1000:1000", "1:0"] {
		ids(image([user])) == set()
	}
}

test_root if {
	every user in [null, "", "0", "00", "+0", "-0", "0:1000", "root", "root:users", "Root", ":1000", "ContainerAdministrator"] {
		ids(image([user])) == {"root"}
	}
}

test_it_says_why if {
	some finding in nonroot.deny with input as {"images": [image(["0:0"])]}
	finding.msg == "container web, image app:1: linux/0 runs as 0:0, which is root"
	some other in nonroot.deny with input as {"images": [image([null])]}
	endswith(other.msg, "linux/0 names no user, so it runs as root")
}

test_a_name_is_not_known_unless_it_is_listed if {
	ids(image(["nginx"])) == {"named-user"}
	ids(image(["nginx:nginx"])) == {"named-user"}
	ids(image(["1000x"])) == {"named-user"}
	count(nonroot.deny) == 0 with input as {"images": [image(["nginx:nginx"])]} with data.config.nonroot.users as ["nginx"]
}

test_root_can_not_be_listed if {
	count(nonroot.deny) == 1 with input as {"images": [image(["root"])]} with data.config.nonroot.users as ["root"]
}

test_every_platform_counts if ids(image(["65532", "0"])) == {"root"}

test_a_configuration_that_was_not_read_is_unknown if ids(image([])) == {"unknown"}

test_image_volumes_are_not_run if ids(object.union(image([null]), {"role": "imageVolume"})) == set()

test_parameters if {
	some finding in nonroot.deny with input as {"images": []} with data.config.nonroot as {"users": "nginx"}
	finding.id == "parameter"
}
