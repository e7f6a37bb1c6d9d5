package policies.identity_test

import data.policies.identity

signature := {
	"signer": "ci",
	"issuer": "https://token.actions.githubusercontent.com",
	"identity": "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
	"claims": {"sourceRepositoryRef": "refs/heads/main", "buildTrigger": "push"},
}

image(signatures) := {
	"container": "web",
	"role": "container",
	"written": "ghcr.io/acme/app:1",
	"reference": {"registry": "ghcr.io", "repository": "acme/app", "tag": "1", "digest": "sha256:1"},
	"signatures": signatures,
	"rejected": [],
	"faults": [],
}

denials(images, rule) := result if {
	config := {"rules": [object.union({"images": ["ghcr.io/acme/**"]}, rule)]}
	result := identity.deny with input as {"images": images} with data.config.identity as config
}

ids(found) := {finding.id | some finding in found}

test_all_that_is_asked_for_fits if {
	count(denials([image([signature])], {
		"signers": ["ci"],
		"issuer": "https://token.actions.githubusercontent.com",
		"identity": "https://github.com/acme/app/**",
		"claims": {"sourceRepositoryRef": "refs/heads/*", "buildTrigger": "push"},
	})) == 0
}

test_a_claim_that_differs_is_named if {
	denials([image([signature])], {"claims": {"sourceRepositoryRef": "refs/tags/*"}}) == {{
		"id": "other-identity",
		"container": "web",
		"msg": "container web, image ghcr.io/acme/app:1: no signature has the identity that is demanded; by ci: its sourceRepositoryRef is refs/heads/main, and must be refs/tags/*",
	}}
}

test_a_claim_that_is_missing_does_not_fit if {
	some finding in denials([image([signature])], {"claims": {"deploymentEnvironment": "**"}})
	contains(finding.msg, "its deploymentEnvironment is not there, and must be **")
}

test_each_of_the_others if {
	some one in denials([image([signature])], {"issuer": "https://accounts.google.com"})
	contains(one.msg, "its issuer is https://token.actions.githubusercontent.com, and must be https://accounts.google.com")
	count(denials([image([signature])], {"identity": "https://github.com/acme-evil/**"})) == 1
	some two in denials([image([signature])], {"signers": ["release"]})
	contains(two.msg, "its signer must be any of release")
}

test_a_key_has_no_identity if {
	by_key := {"signer": "release", "issuer": null, "identity": null, "claims": {}}
	some finding in denials([image([by_key])], {"identity": "**"})
	contains(finding.msg, "its identity is not there")
}

test_all_must_fit_in_one_signature if {
	other := object.union(signature, {"claims": {"sourceRepositoryRef": "refs/tags/v1", "buildTrigger": "workflow_dispatch"}})
	rule := {"claims": {"sourceRepositoryRef": "refs/tags/*", "buildTrigger": "push"}}
	count(denials([image([signature, other])], rule)) == 1
}

test_one_that_fits_is_enough if {
	other := object.union(signature, {"identity": "https://github.com/evil/app"})
	count(denials([image([other, signature])], {"identity": "https://github.com/acme/**"})) == 0
}

test_unsigned_and_not_looked_at if {
	ids(denials([image([])], {"identity": "**"})) == {"absent"}
	fault := {"stage": "signatures", "source": "ci", "code": "TRUST_ROOT_UNAVAILABLE", "message": "no root"}
	ids(denials([object.union(image([]), {"faults": [fault]})], {"identity": "**"})) == {"unknown"}
	found := denials([object.union(image([signature]), {"faults": [fault]})], {"identity": "x"})
	ids(found) == {"unknown"}
	some finding in found
	contains(finding.msg, "not everything could be looked at: TRUST_ROOT_UNAVAILABLE (ci): no root")
}

test_other_images if {
	other := object.union(image([signature]), {"reference": {"registry": "docker.io", "repository": "library/nginx"}})
	ids(denials([other], {"identity": "**"})) == {"not-covered"}
	ids(denials([object.union(image([]), {"reference": null})], {"identity": "**"})) == {"not-covered"}
	count(identity.deny) == 0 with input as {"images": [other]} with data.config.identity as {"rules": [], "otherImages": "allow"}
}

test_parameters if {
	found := identity.deny with input as {"images": []}
	ids(found) == {"parameter"}
	"parameter" in ids(denials([image([signature])], {}))
	"parameter" in ids(denials([image([signature])], {"claims": ["push"]}))
}
