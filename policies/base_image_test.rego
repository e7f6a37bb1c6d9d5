package policies.base_image_test

import data.policies.base_image

provenance(materials) := {
	"signer": "ci",
	"predicateType": "https://slsa.dev/provenance/v1",
	"predicate": {"buildDefinition": {"resolvedDependencies": [{"uri": uri} | some uri in materials]}},
	"subject": "sha256:1",
}

image(attestations, platforms) := {
	"container": "web",
	"role": "container",
	"written": "app:1",
	"reference": {"registry": "docker.io", "repository": "library/app", "digest": "sha256:1"},
	"platforms": platforms,
	"attestations": attestations,
	"rejected": [],
	"faults": [],
}

built_on(name) := image([], [{"platform": "linux/amd64", "labels": {}, "annotations": {"org.opencontainers.image.base.name": name}}])

denials(one, config) := result if {
	base := {"allowed": ["docker.io/library/alpine", "registry.corp:5000/base"]}
	result := base_image.deny with input as {"images": [one]} with data.config.base_image as object.union(base, config)
}

ids(found) := {finding.id | some finding in found}

declared := {"restsOn": "declared"}

test_approved_by_provenance if {
	count(denials(image([provenance(["pkg:docker/alpine@3.20?platform=linux%2Famd64", "git+https://github.com/a/b"])], []), {})) == 0
	count(denials(image([provenance(["pkg:docker/registry.corp:5000/base/node@sha256:aa"])], []), {})) == 0
}

test_another_base_is_named if {
	denials(image([provenance(["pkg:docker/alpine@3.20", "pkg:docker/evil/alpine@3"])], []), {}) == {{
		"id": "other-base",
		"container": "web",
		"msg": "container web, image app:1: its provenance by ci says that it was built with docker.io/evil/alpine:3, which is no approved base",
	}}
}

test_no_provenance if {
	found := denials(image([], []), {})
	ids(found) == {"absent"}
	some finding in found
	endswith(finding.msg, "it does not have SLSA provenance attested by a configured signer, by which its base would be known")
	ids(denials(image([provenance(["pkg:docker/alpine@3"])], []), {"signers": ["release"]})) == {"absent"}
}

test_could_not_look_is_not_absent if {
	fault := {"stage": "signatures", "source": "ci", "code": "REGISTRY_UNAVAILABLE", "message": "no answer"}
	ids(denials(object.union(image([], []), {"faults": [fault]}), {})) == {"unknown"}
}

test_no_base_among_the_materials if {
	ids(denials(image([provenance(["git+https://github.com/a/b"])], []), {})) == {"no-base"}
	count(denials(image([provenance([])], []), {"withoutBase": "allow"})) == 0
}

test_declared if {
	count(denials(built_on("docker.io/library/alpine:3.20@sha256:aa"), declared)) == 0
	count(denials(built_on("alpine:3.20"), declared)) == 0
	count(denials(built_on("registry.corp:5000/base/node"), declared)) == 0
	ids(denials(built_on("docker.io/evil/alpine:3"), declared)) == {"other-base"}
}

test_annotation_and_label_must_both_be_approved if {
	both := [{"platform": "linux/amd64", "labels": {"org.opencontainers.image.base.name": "evil"}, "annotations": {"org.opencontainers.image.base.name": "alpine"}}]
	ids(denials(image([], both), declared)) == {"other-base"}
}

test_nothing_declared if {
	bare := [{"platform": "linux/amd64", "labels": {}, "annotations": {}}]
	ids(denials(image([], bare), declared)) == {"no-base"}
	ids(denials(built_on(""), declared)) == {"no-base"}
	count(denials(image([], bare), object.union(declared, {"withoutBase": "allow"}))) == 0
	ids(denials(image([], []), declared)) == {"unknown"}
}

test_parameters if {
	found := base_image.deny with input as {"images": []}
	ids(found) == {"parameter"}
	"parameter" in ids(denials(image([], []), {"restsOn": "hope"}))
}
