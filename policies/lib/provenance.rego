# METADATA
# title: Words for SLSA provenance
# description: >-
#   Reads who built an image from what, as a provenance predicate says it: https://slsa.dev/spec/v1.0/provenance and
#   https://slsa.dev/spec/v0.2/provenance.
package lib.provenance

types := ["https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v1.*"]

# The builder's id; the empty text where it has none.
builder(predicate) := id if {
	id := predicate.runDetails.builder.id
} else := id if {
	id := predicate.builder.id
} else := ""

# Where the source came from: what the build was asked to build, else every Git repository it took.
sources(predicate) := asked(predicate) if {
	count(asked(predicate)) > 0
} else := {repository(uri) |
	some uri in materials(predicate)
	regex.match(`^git(\+|:)|\.git([#@?]|$)`, uri)
}

asked(predicate) := {repository(uri) |
	parameters := object.get(predicate, ["buildDefinition", "externalParameters"], {})
	some path in [["workflow", "repository"], ["source"], ["source", "uri"], ["source", "repository"], ["configSource", "uri"]]
	uri := object.get(parameters, path, null)
	is_string(uri)
	uri != ""
} | {repository(uri) |
	uri := object.get(predicate, ["invocation", "configSource", "uri"], null)
	is_string(uri)
	uri != ""
}

# All that was taken for the build, as URIs.
materials(predicate) := [entry.uri |
	some list in [object.get(predicate, ["buildDefinition", "resolvedDependencies"], []), object.get(predicate, "materials", [])]
	some entry in list
	is_string(entry.uri)
]

# A repository without what says where in it: `git+https://host/path.git@refs/heads/main` is `https://host/path`.
repository(uri) := trim_suffix(trim_suffix(bare, "/"), ".git") if {
	without_fragment := split(split(trim_prefix(uri, "git+"), "#")[0], "?")[0]
	bare := regex.find_all_string_submatch_n(`^(.*?)(@refs/.*|@[0-9a-f]{40,64})?$`, without_fragment, 1)[0][1]
}

# Images among the materials, as `registry/repository[:tag][@digest]`. https://github.com/package-url/purl-spec/blob/main/types/docker-definition.json
image_materials(predicate) := ({image |
	some uri in materials(predicate)
	startswith(uri, "pkg:docker/")
	image := docker_image(uri)
} | {image |
	some uri in materials(predicate)
	startswith(uri, "pkg:oci/")
	image := oci_image(uri)
}) | {trim_prefix(uri, "docker://") |
	some uri in materials(predicate)
	startswith(uri, "docker://")
}

docker_image(uri) := concat("", [qualified(split(path, "@")[0]), suffix(path, uri)]) if {
	path := decoded(split(trim_prefix(uri, "pkg:docker/"), "?")[0])
}

oci_image(uri) := concat("", [name, suffix(path, uri)]) if {
	path := decoded(split(trim_prefix(uri, "pkg:oci/"), "?")[0])
	urls := qualifiers(uri, "repository_url")
	name := array.concat(urls, [split(path, "@")[0]])[0]
}

# Values of a qualifier: a URI is what somebody wrote, and may name one twice.
qualifiers(uri, name) := [decoded(trim_prefix(text, sprintf("%s=", [name]))) |
	some text in split(array.concat(split(uri, "?"), [""])[1], "&")
	startswith(text, sprintf("%s=", [name]))
]

decoded(text) := strings.replace_n({"%2F": "/", "%2f": "/", "%3A": ":", "%3a": ":", "%40": "@"}, text)

# What stands behind `@` is a tag or a digest; a digest may stand in a qualifier.
suffix(path, uri) := concat("", [tag, digest]) if {
	behind := array.concat(split(path, "@"), [""])[1]
	tag := concat("", [sprintf(":%s", [behind]) | behind != ""; not contains(behind, ":")])
	digests := array.concat([behind | contains(behind, ":")], qualifiers(uri, "digest"))
	digest := concat("", [sprintf("@%s", [one]) | one := digests[0]])
}

qualified(name) := name if {
	regex.match(`^([^/]*[.:][^/]*|localhost)/`, name)
} else := sprintf("docker.io/%s", [name]) if {
	contains(name, "/")
} else := sprintf("docker.io/library/%s", [name])
