# METADATA
# title: Words for images
# description: How images are named in messages, and globs as the configuration has them.
package lib.images

# What an image is called where people read it: `init container setup, image nginx:1.27`.
describe(image) := sprintf("%s %s, image %s", [kinds[image.role], image.container, image.written])

kinds := {
	"container": "container",
	"initContainer": "init container",
	"ephemeralContainer": "ephemeral container",
	"imageVolume": "image volume",
}

# `registry/repository` of the logical image; undefined when what is written is no reference.
name(image) := concat("/", [image.reference.registry, image.reference.repository])

# Whether the reference could be read at all.
readable(image) if is_object(image.reference)

# Whether a name is covered by a pattern: with a `*` it is a glob over the whole name, in which `*` stays within a segment and `**`
# crosses them; without one it is a registry or a path, and covers what lies below.
covers(pattern, name) if {
	contains(pattern, "*")
	glob.match(pattern, ["/"], name)
}

covers(pattern, name) if {
	not contains(pattern, "*")
	name == pattern
}

covers(pattern, name) if {
	not contains(pattern, "*")
	startswith(name, concat("", [trim_suffix(pattern, "/"), "/"]))
}

# A finding about an image.
finding(image, id, text) := {
	"id": id,
	"container": image.container,
	"msg": sprintf("%s: %s", [describe(image), text]),
}

# Entries of a list, each with `images`, a list of patterns, that cover an image; none for what is no reference.
entries_for(list, image) := [entry |
	some entry in list
	some pattern in entry.images
	covers(pattern, name(image))
]
