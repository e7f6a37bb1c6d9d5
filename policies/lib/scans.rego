# METADATA
# title: Words for scans
# description: Tells the states of scan results apart; "could not look" is never "found none".
package lib.scans

# What each state other than evaluated means, for people.
meaning := {
	"missing": "has no scan result",
	"unavailable": "could not be asked",
	"pending": "is still scanning",
	"failed": "failed to scan it",
	"invalid": "has a result that can not be read",
	"untrusted": "has a result that nobody trusted vouches for",
	"mismatch": "has a result for other content",
	"otherPlatform": "has a result for another platform only",
	"inconclusive": "has a result that says nothing about this image",
}

# Scans of one platform of an image, one of `image.platforms`: by the digest of its manifest, since two images may bear the name of one
# platform.
of_platform(image, platform) := [scan | some scan in image.scans; is_of(scan, platform)]

is_of(scan, platform) if scan.digest == platform.digest

# A document recorded before scans told a digest.
is_of(scan, platform) if {
	object.get(scan, "digest", null) == null
	scan.platform == platform.platform
}

evaluated(image, platform) := [scan | some scan in of_platform(image, platform); scan.state == "evaluated"]

# `harbor could not be asked: REASON`, one for each source that has no result.
states(image, platform) := sort([text |
	some scan in of_platform(image, platform)
	scan.state != "evaluated"
	text := sprintf("%s %s: %s", [scan.source, object.get(meaning, scan.state, scan.state), object.get(scan, "reason", "no reason given")])
])

# Findings of some severities that nothing suppresses.
severe(scan, severities) := [finding |
	some finding in scan.findings
	finding.severity in severities
	finding.suppressed == null
]

# A list cut to its first entries, in words.
shorten(list, most) := concat(", ", list) if count(list) <= most

shorten(list, most) := sprintf("%s and %d more", [concat(", ", array.slice(list, 0, most)), count(list) - most]) if {
	count(list) > most
}
