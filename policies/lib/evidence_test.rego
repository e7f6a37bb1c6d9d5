package lib.evidence_test

import data.lib.evidence

image := {
	"reference": {"registry": "docker.io", "repository": "acme/app", "digest": "sha256:1"},
	"platforms": [],
	"faults": [],
	"rejected": [],
}

fault := {"stage": "signatures", "source": "ci", "code": "REGISTRY_UNAVAILABLE", "message": "no answer", "transient": true}

rejection := {"stage": "signatures", "source": "ci", "layout": "bundle", "code": "SIGNER_MISMATCH", "message": "another key"}

test_nothing_found if {
	evidence.absence(null, image, "an SBOM") == {"id": "absent", "text": "it does not have an SBOM"}
}

test_could_not_look_is_not_absent if {
	broken := object.union(image, {"faults": [fault], "rejected": [rejection]})
	evidence.absence(null, broken, "an SBOM") == {
		"id": "unknown",
		"text": "whether it has an SBOM is not known, since not everything could be looked at: REGISTRY_UNAVAILABLE (ci): no answer",
	}
	evidence.absence(["ci"], broken, "an SBOM").id == "unknown"
	evidence.absence(["release"], broken, "an SBOM").id == "absent"
}

test_what_does_not_count_is_said if {
	refused := object.union(image, {"rejected": [rejection]})
	evidence.absence(null, refused, "an SBOM") == {"id": "rejected", "text": "it has no good sign of an SBOM: SIGNER_MISMATCH (ci): another key"}
	evidence.absence(["release"], refused, "an SBOM").id == "absent"
}

test_other_stages_do_not_matter if {
	evidence.absence(null, object.union(image, {"faults": [object.union(fault, {"stage": "scans"})]}), "x").id == "absent"
}

test_no_reference if {
	evidence.absence(null, {"reference": null, "faults": [fault], "rejected": []}, "x").id == "unreadable"
}

test_no_digest if {
	evidence.absence(null, object.union(image, {"reference": {"digest": null}, "faults": [fault]}), "x").id == "unresolved"
}

test_unknown_configuration if {
	evidence.unknown_configuration(image) == "its configuration could not be read"
	unread := {"stage": "resolve", "source": "registry", "code": "REGISTRY_UNAVAILABLE", "message": "no answer"}
	evidence.unknown_configuration(object.union(image, {"faults": [unread]})) == "its configuration could not be read (REGISTRY_UNAVAILABLE: no answer)"
	not evidence.unknown_configuration({"platforms": [{"platform": "linux/amd64"}]})
}
