# METADATA
# title: Images are not too old
# description: >-
#   Every platform of an image was made no longer ago than `maxAge`. `created` is what the image's configuration says, which whoever built
#   it chose: reproducible builds write 1970 or 1980 there, and that, a time in the future and none at all are denied as unknown. `signed`
#   takes the time that a verified transparency log or time stamp gives to a signature; the newest counts.
# custom:
#   severity: medium
#   mode: "off"
#   remediation: Rebuild the image, so that it holds current packages.
#   parameters:
#     - name: maxAge
#       type: duration
#       required: true
#       meaning: How old an image may be.
#     - name: from
#       type: one of created, signed
#       default: created
#       meaning: By which time.
package policies.image_age

import data.lib.evidence
import data.lib.images
import data.lib.parameters

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

max_age := parameters.value("image_age", "maxAge", null)

from := parameters.value("image_age", "from", "created")

now := time.parse_rfc3339_ns(input.now)

day := 86400000000000

# Clocks differ.
skew := 300000000000

deny contains images.finding(image, "unknown", text) if {
	from == "created"
	some image in input.images
	unread := evidence.unknown_configuration(image)
	text := sprintf("its age is not known: %s", [unread])
}

deny contains images.finding(image, "unknown", text) if {
	from == "created"
	some image in input.images
	some platform in image.platforms
	not plausible(platform.created)
	text := sprintf("the age of %s is not known: its configuration says that it was created %s", [platform.platform, said(platform.created)])
}

deny contains images.finding(image, "too-old", text) if {
	from == "created"
	some image in input.images
	some platform in image.platforms
	plausible(platform.created)
	too_old(time.parse_rfc3339_ns(platform.created))
	text := sprintf("%s was created %s, longer ago than %s", [platform.platform, platform.created, max_age])
}

# Builds that are to give the same bytes every time are dated to the epoch, or to the first day that a zip archive can name.
plausible(created) if {
	ns := time.parse_rfc3339_ns(created)
	ns > (10 * 366) * day
	ns <= now + skew
}

too_old(ns) if now - ns > parameters.nanoseconds(max_age)

said(null) := "at no time"

said(created) := sprintf("at %s", [created]) if created != null

deny contains images.finding(image, reason.id, reason.text) if {
	from == "signed"
	some image in input.images
	count(image.signatures) == 0
	reason := evidence.absence(null, image, "a signature")
}

deny contains images.finding(image, "unknown", text) if {
	from == "signed"
	some image in input.images
	count(image.signatures) > 0
	count(signed(image)) == 0
	text := "its age is not known: no signature has a time that a transparency log or time stamp vouches for"
}

deny contains images.finding(image, "too-old", text) if {
	from == "signed"
	some image in input.images
	newest := max(signed(image))
	too_old(newest)
	some signature in image.signatures
	time.parse_rfc3339_ns(signature.signedAt) == newest
	text := sprintf("it was last signed %s, longer ago than %s", [signature.signedAt, max_age])
}

signed(image) := {time.parse_rfc3339_ns(signature.signedAt) |
	some signature in image.signatures
	is_string(signature.signedAt)
}
