# METADATA
# title: Words for what is missing
# description: Tells apart why an image lacks what its signers should vouch for; "could not look" is never "found none".
package lib.evidence

import data.lib.images

# Why an image has nothing of a kind (`a signature by release`), in the first words that apply, with an id. `signers` are the names that
# matter; null for all.
absence(_, image, what) := {"id": "unreadable", "text": sprintf("what is written is no image reference, so it can't have %s", [what])} if {
	not images.readable(image)
} else := {"id": "unresolved", "text": sprintf("the image could not be resolved to a digest, so %s could not be looked for", [what])} if {
	not is_string(image.reference.digest)
}

absence(signers, image, what) := {"id": "unknown", "text": text} if {
	resolved(image)
	unread := faults(signers, image)
	count(unread) > 0
	text := sprintf("whether it has %s is not known, since not everything could be looked at: %s", [what, concat("; ", unread)])
} else := {"id": "rejected", "text": text} if {
	resolved(image)
	refused := rejections(signers, image)
	count(refused) > 0
	text := sprintf("it has no good sign of %s: %s", [what, concat("; ", refused)])
} else := {"id": "absent", "text": sprintf("it does not have %s", [what])} if {
	resolved(image)
}

resolved(image) if {
	images.readable(image)
	is_string(image.reference.digest)
}

# `CODE (SIGNER): MESSAGE`, of each signer that could not be looked at whole.
faults(signers, image) := sort({sprintf("%s (%s): %s", [fault.code, fault.source, fault.message]) |
	some fault in image.faults
	fault.stage == "signatures"
	matters(signers, fault.source)
})

# The same, of whatever was looked at and does not count.
rejections(signers, image) := sort({sprintf("%s (%s): %s", [entry.code, entry.source, entry.message]) |
	some entry in image.rejected
	entry.stage == "signatures"
	matters(signers, entry.source)
})

matters(null, _)

matters(signers, source) if source in signers

# Why nothing is known of an image's configuration; undefined where it is known.
unknown_configuration(image) := text if {
	count(image.platforms) == 0
	unread := sort({sprintf(" (%s: %s)", [fault.code, fault.message]) |
		some fault in image.faults
		fault.stage == "resolve"
	})
	text := sprintf("its configuration could not be read%s", [concat("", unread)])
}
