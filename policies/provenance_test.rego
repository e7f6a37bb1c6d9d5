package policies.provenance_test

import data.policies.provenance

hosted := "https://github.com/actions/runner/github-hosted"

predicate(builder, repository) := {
	"buildDefinition": {"externalParameters": {"workflow": {"repository": repository}}},
	"runDetails": {"builder": {"id": builder}},
}

attestation(builder, repository) := {
	"signer": "ci",
	"predicateType": "https://slsa.dev/provenance/v1",
	"predicate": predicate(builder, repository),
	"subject": "sha256:1",
}

right := attestation(hosted, "https://github.com/acme/app")

image(attestations) := {
	"container": "web",
	"role": "container",
	"written": "ghcr.io/acme/app:1",
	"reference": {"registry": "ghcr.io", "repository": "acme/app", "digest": "sha256:1"},
	"platforms": [],
	"attestations": attestations,
	"rejected": [],
	"faults": [],
}

rule := {"images": ["ghcr.io/acme/**"], "signers": ["ci"], "level": 2, "sources": ["https://github.com/acme/**"]}

denials(one, changes) := result if {
	config := {"builders": {hosted: 2, "https://ci.acme.example/*": 1}, "rules": [object.union(rule, changes)]}
	result := provenance.deny with input as {"images": [one]} with data.config.provenance as config
}

ids(found) := {finding.id | some finding in found}

test_as_it_must_be if {
	count(denials(image([right]), {})) == 0
	count(denials(image([attestation("https://ci.acme.example/x", "git+https://github.com/acme/app@refs/heads/main")]), {"level": 1})) == 0
}

test_older_provenance if {
	old := {
		"signer": "ci",
		"predicateType": "https://slsa.dev/provenance/v0.2",
		"predicate": {"builder": {"id": hosted}, "invocation": {"configSource": {"uri": "git+https://github.com/acme/app@refs/heads/main"}}},
		"subject": "sha256:1",
	}
	count(denials(image([old]), {})) == 0
}

test_another_builder if {
	denials(image([attestation("https://evil.example", "https://github.com/acme/app")]), {}) == {{
		"id": "other-build",
		"container": "web",
		"msg": "container web, image ghcr.io/acme/app:1: no provenance of it is as it must be; by ci: the builder https://evil.example is not listed",
	}}
}

test_a_builder_of_a_lower_level if {
	some finding in denials(image([attestation("https://ci.acme.example/x", "https://github.com/acme/app")]), {})
	contains(finding.msg, "the builder https://ci.acme.example/x has level 1, and must have 2")
}

test_another_source if {
	some finding in denials(image([attestation(hosted, "https://github.com/acme-evil/app")]), {})
	contains(finding.msg, "the source https://github.com/acme-evil/app is not any of https://github.com/acme/**")
}

test_no_source if {
	some finding in denials(image([attestation(hosted, "")]), {})
	contains(finding.msg, "it names no source repository")
}

test_a_predicate_that_says_nothing if {
	every nonsense in [{}, "text", {"builder": {"id": 1}}, {"builder": "x"}, null] {
		ids(denials(image([object.union(object.remove(right, ["predicate"]), {"predicate": nonsense})]), {})) == {"other-build"}
	}
}

test_one_that_fits_is_enough if count(denials(image([attestation("https://evil.example", "x"), right]), {})) == 0

test_another_signer_does_not_count if ids(denials(image([object.union(right, {"signer": "dev"})]), {})) == {"absent"}

test_could_not_look_is_not_absent if {
	fault := {"stage": "signatures", "source": "ci", "code": "REGISTRY_UNAVAILABLE", "message": "no answer"}
	ids(denials(object.union(image([]), {"faults": [fault]}), {})) == {"unknown"}
}

test_other_images if {
	ids(denials(object.union(image([right]), {"reference": {"registry": "quay.io"}}), {})) == {"not-covered"}
	ids(denials(object.union(image([]), {"reference": null}), {})) == {"not-covered"}
}

test_parameters if {
	found := provenance.deny with input as {"images": []}
	{finding.id | some finding in found} == {"parameter"}
	"parameter" in ids(denials(image([right]), {"level": "2"}))
	"parameter" in ids(denials(image([right]), {"signers": "ci"}))
}
