package lib.provenance_test

import data.lib.provenance

v1 := {
	"buildDefinition": {
		"buildType": "https://actions.github.io/buildtypes/workflow/v1",
		"externalParameters": {"workflow": {"ref": "refs/heads/main", "repository": "https://github.com/acme/app", "path": ".github/workflows/release.yml"}},
		"resolvedDependencies": [{"uri": "git+https://github.com/acme/app@refs/heads/main"}, {"uri": "git+https://github.com/other/lib@refs/heads/main"}],
	},
	"runDetails": {"builder": {"id": "https://github.com/actions/runner/github-hosted"}},
}

v02 := {
	"builder": {"id": "https://tekton.dev/chains/v2"},
	"invocation": {"configSource": {"uri": "git+https://github.com/acme/app.git"}},
	"materials": [{"uri": "pkg:docker/alpine@3.20?platform=linux%2Famd64"}, {"uri": "pkg:docker/ghcr.io/acme/base@1?digest=sha256:aa&platform=linux%2Famd64"}],
}

test_builder if {
	provenance.builder(v1) == "https://github.com/actions/runner/github-hosted"
	provenance.builder(v02) == "https://tekton.dev/chains/v2"
	provenance.builder({}) == ""
}

test_what_was_asked_for_is_the_source if {
	provenance.sources(v1) == {"https://github.com/acme/app"}
	provenance.sources(v02) == {"https://github.com/acme/app"}
}

test_else_every_repository_that_was_taken if {
	predicate := {"buildDefinition": {"externalParameters": {}, "resolvedDependencies": v1.buildDefinition.resolvedDependencies}}
	provenance.sources(predicate) == {"https://github.com/acme/app", "https://github.com/other/lib"}
	provenance.sources({"materials": [{"uri": "pkg:docker/alpine@3.20"}]}) == set()
	provenance.sources({}) == set()
}

test_repository if {
	every uri in [
		"https://github.com/acme/app",
		"git+https://github.com/acme/app@refs/heads/main",
		"git+https://github.com/acme/app.git@0123456789012345678901234567890123456789",
		"https://github.com/acme/app.git#refs/heads/main:sub",
		"https://github.com/acme/app/",
	] {
		provenance.repository(uri) == "https://github.com/acme/app"
	}
	provenance.repository("git+ssh://git@github.com/acme/app") == "ssh://git@github.com/acme/app"
}

test_images_among_the_materials if {
	provenance.image_materials(v02) == {"docker.io/library/alpine:3.20", "ghcr.io/acme/base:1@sha256:aa"}
	provenance.image_materials({"buildDefinition": {"resolvedDependencies": [
		{"uri": "pkg:docker/acme%2Fnode@sha256:bb"},
		{"uri": "pkg:oci/base@sha256%3Acc?repository_url=registry.corp%2Fbase&tag=1"},
		{"uri": "git+https://github.com/acme/app"},
		{"digest": {}},
	]}}) == {"docker.io/acme/node@sha256:bb", "registry.corp/base@sha256:cc"}
	provenance.image_materials({}) == set()
}
