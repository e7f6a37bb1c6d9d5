package policies.signed_test

import data.policies.signed

digest := "sha256:1111111111111111111111111111111111111111111111111111111111111111"

image := {
	"container": "web",
	"role": "container",
	"written": "acme/app:1",
	"reference": {"registry": "docker.io", "repository": "acme/app", "tag": "1", "digest": digest},
	"signatures": [],
	"rejected": [],
	"faults": [],
}

with_signature := object.union(image, {"signatures": [{"signer": "release"}]})

findings(images) := result if result := signed.deny with input as {"images": images}

only(images) := finding if {
	found := findings(images)
	count(found) == 1
	some finding in found
}

test_signed_image_is_allowed if count(findings([with_signature])) == 0

test_unsigned_image_is_denied_naming_container_and_image if {
	only([image]) == {"id": "unsigned", "container": "web", "msg": "container web, image acme/app:1: no signature by a configured signer"}
}

test_each_unsigned_image_is_named if {
	count(findings([image, with_signature, object.union(image, {"container": "sidecar"})])) == 2
}

test_a_listed_signer_is_accepted if {
	count(findings([with_signature])) == 0 with data.config.signed.signers as ["other", "release"]
}

test_a_signer_that_is_not_listed_is_named if {
	finding := only([with_signature]) with data.config.signed.signers as ["other"]
	finding.id == "other-signer"
	contains(finding.msg, "signed by release")
}

test_an_empty_list_accepts_nobody if count(findings([with_signature])) == 1 with data.config.signed.signers as []

test_a_parameter_that_is_no_list_is_named if {
	every value in ["release", {"release": true}, false, null] {
		some finding in findings([with_signature]) with data.config.signed.signers as value
		finding.id == "parameter"
		startswith(finding.msg, "data.config.signed.signers is ")
	}
}

test_a_misspelt_parameter_is_named if {
	some finding in findings([with_signature]) with data.config.signed as {"signer": ["release"]}
	finding.msg == `data.config.signed has no parameter "signer"; it has signers`
}

test_what_could_not_be_looked_at_is_not_called_unsigned if {
	fault := {"stage": "signatures", "source": "release", "code": "REGISTRY_UNAVAILABLE", "message": "no answer", "transient": true}
	finding := only([object.union(image, {"faults": [fault]})])
	finding.id == "unknown"
	contains(finding.msg, "REGISTRY_UNAVAILABLE (release): no answer")
	not contains(finding.msg, "no signature by")
}

test_faults_of_scans_do_not_matter if {
	fault := {"stage": "scans", "source": "harbor", "code": "REGISTRY_UNAVAILABLE", "message": "no answer", "transient": true}
	only([object.union(image, {"faults": [fault]})]).id == "unsigned"
}

test_a_rejected_signature_says_why if {
	entry := {"stage": "signatures", "source": "release", "layout": "bundle", "code": "SIGNER_MISMATCH", "message": "signed by another key"}
	finding := only([object.union(image, {"rejected": [entry]})])
	finding.id == "rejected"
	contains(finding.msg, "SIGNER_MISMATCH (release): signed by another key")
}

test_an_unresolved_image_is_denied if {
	only([object.union(image, {"reference": {"digest": null}})]).id == "unresolved"
}

test_a_reference_that_can_not_be_read_is_denied if only([object.union(image, {"reference": null})]).id == "unreadable"
