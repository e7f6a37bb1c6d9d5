package policies.sbom_test

import data.policies.sbom

spdx := {"signer": "ci", "predicateType": "https://spdx.dev/Document", "predicate": {"packages": [{"name": "a"}, {"name": "b"}]}, "subject": "sha256:1"}

cyclonedx := {
	"signer": "ci",
	"predicateType": "https://cyclonedx.org/bom/v1.6",
	"predicate": {"components": [{"name": "a"}]},
	"subject": "sha256:1",
}

image(attestations) := {
	"container": "web",
	"role": "container",
	"written": "app:1",
	"reference": {"registry": "docker.io", "repository": "library/app", "digest": "sha256:1"},
	"platforms": [{"platform": "linux/amd64", "digest": "sha256:2"}],
	"attestations": attestations,
	"rejected": [],
	"faults": [],
}

denials(one, config) := result if {
	result := sbom.deny with input as {"images": [one]} with data.config.sbom as object.union({"signers": ["ci"]}, config)
}

ids(found) := {finding.id | some finding in found}

test_either_format if {
	count(denials(image([spdx]), {})) == 0
	count(denials(image([cyclonedx]), {})) == 0
	count(denials(image([object.union(spdx, {"subject": "sha256:2"})]), {})) == 0
}

test_none if {
	denials(image([]), {}) == {{
		"id": "absent",
		"container": "web",
		"msg": "container web, image app:1: it does not have an SBOM attested by ci",
	}}
}

test_another_signer_or_type_does_not_count if {
	ids(denials(image([object.union(spdx, {"signer": "dev"})]), {})) == {"absent"}
	ids(denials(image([object.union(spdx, {"predicateType": "https://slsa.dev/provenance/v1"})]), {})) == {"absent"}
	ids(denials(image([spdx]), {"formats": ["cyclonedx"]})) == {"absent"}
}

test_could_not_look_is_not_absent if {
	fault := {"stage": "signatures", "source": "ci", "code": "REGISTRY_UNAVAILABLE", "message": "no answer"}
	ids(denials(object.union(image([]), {"faults": [fault]}), {})) == {"unknown"}
	refused := {"stage": "signatures", "source": "ci", "layout": "bundle", "code": "SIGNATURE_INVALID", "message": "it is about another image"}
	ids(denials(object.union(image([]), {"rejected": [refused]}), {})) == {"rejected"}
	ids(denials(object.union(image([]), {"reference": {"digest": null}}), {})) == {"unresolved"}
}

test_a_document_that_can_not_be_read if {
	some finding in denials(image([object.union(spdx, {"predicate": "SPDXVersion: SPDX-2.3"})]), {})
	finding.id == "unreadable"
	endswith(finding.msg, "it does not have an SBOM attested by ci that can be used for all of it: that of ci is no SPDX or CycloneDX document in JSON")
}

test_too_few_packages if {
	some finding in denials(image([cyclonedx]), {"leastPackages": 2})
	contains(finding.msg, "that of ci lists 1 packages, and must list 2")
	count(denials(image([cyclonedx, spdx]), {"leastPackages": 2})) == 0
	ids(denials(image([object.union(cyclonedx, {"predicate": {"components": []}})]), {})) == {"unreadable"}
}

test_one_platform_of_two_is_not_all if {
	two := [{"platform": "linux/amd64", "digest": "sha256:2"}, {"platform": "linux/arm64", "digest": "sha256:3"}]
	half := object.union(image([object.union(spdx, {"subject": "sha256:2"})]), {"platforms": two})
	ids(denials(half, {})) == {"unreadable"}
}

test_parameters if {
	found := sbom.deny with input as {"images": []}
	ids(found) == {"parameter"}
	"parameter" in ids(denials(image([spdx]), {"formats": ["swid"]}))
}
