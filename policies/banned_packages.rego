# METADATA
# title: Images hold no banned packages
# description: >-
#   No package on the list is in the image, by the SBOM that a named signer attested (SPDX or CycloneDX) and by the findings of its scans.
#   Scans list only packages with vulnerabilities, so without an SBOM nothing is known of the others, and the image is denied as just that
#   unless `withoutSbom` allows it. Versions are compared as https://semver.org does; a version that can't be compared (of deb, rpm or apk
#   packages, or of other than three numbers) is denied as just that.
# custom:
#   severity: high
#   mode: "off"
#   remediation: Rebuild the image without the package, or with another version of it.
#   parameters:
#     - name: packages
#       type: list of objects
#       required: true
#       meaning: What is banned. An entry has at least one of `name` and `purl`; all that it has must fit.
#       fields:
#         - name: name
#           type: text
#           meaning: The package's name, or a pattern.
#         - name: purl
#           type: text
#           meaning: The package URL without version and qualifiers, such as `pkg:npm/event-stream`, or a pattern.
#         - name: versions
#           type: text
#           default: all
#           meaning: A range such as `>=3.3.6 <4.0.0`; alternatives are separated by `||`.
#         - name: reason
#           type: text
#           meaning: Why, for the message.
#     - name: signers
#       type: list of text
#       default: any configured signer
#       meaning: Names of signers, by any of which the SBOM is attested.
#     - name: withoutSbom
#       type: one of deny, allow
#       default: deny
#       meaning: What becomes of images without an SBOM that can be read.
package policies.banned_packages

import data.lib.attestations
import data.lib.evidence
import data.lib.images
import data.lib.parameters
import data.lib.patterns
import data.lib.sboms
import data.lib.versions

deny contains finding if some finding in parameters.findings(rego.metadata.chain())

banned := parameters.value("banned_packages", "packages", [])

signers := parameters.value("banned_packages", "signers", null)

types := array.concat(sboms.types.spdx, sboms.types.cyclonedx)

deny contains {"id": "parameter", "remediation": parameters.remedy, "msg": text} if {
	some i, entry in banned
	some wrong in senseless(entry)
	text := sprintf("data.config.banned_packages.packages[%d] %s", [i, wrong])
}

senseless(entry) := {text |
	count(object.keys(entry) & {"name", "purl"}) == 0
	text := "has neither name nor purl"
} | {text |
	entry.versions
	not versions.readable(entry.versions)
	text := sprintf("has versions %s, which is no range such as >=1.2.0 <1.4.3", [parameters.shown(entry.versions)])
}

sbom_is_demanded if parameters.value("banned_packages", "withoutSbom", "deny") != "allow"

deny contains images.finding(image, reason.id, reason.text) if {
	sbom_is_demanded
	some image in input.images
	count(attestations.by(signers, types, image)) == 0
	reason := evidence.absence(signers, image, "an SBOM, by which its packages would be known")
}

deny contains images.finding(image, "unreadable", text) if {
	sbom_is_demanded
	some image in input.images
	found := attestations.by(signers, types, image)
	count(found) > 0
	readable := [attestation | some attestation in found; sboms.packages(attestation.predicate)]
	not attestations.cover(readable, image)
	text := sprintf("no SBOM of it can be read for all of it, of %d that are attested", [count(found)])
}

# Of each image, once, the packages that an entry might mean: there may be thousands, and few of them are looked at closely.
suspects := [{"image": image, "packages": (listed(image) | found(image))} | some image in input.images]

listed(image) := {held |
	some attestation in attestations.by(signers, types, image)
	some entry in sboms.packages(attestation.predicate)
	purl := sboms.purl(entry.purl)
	suspicious(entry.name, purl.path)
	held := {"name": entry.name, "version": entry.version, "path": purl.path, "kind": purl.kind}
}

found(image) := {held |
	some scan in image.scans
	scan.state == "evaluated"
	some entry in scan.findings
	purl := sboms.purl(entry.purl)
	suspicious(entry.package, purl.path)
	held := {"name": entry.package, "version": entry.installed, "path": purl.path, "kind": purl.kind}
}

suspicious(name, _) if name in names

suspicious(name, _) if {
	some start in name_starts
	startswith(name, start)
}

suspicious(_, path) if path in paths

suspicious(_, path) if {
	some start in path_starts
	startswith(path, start)
}

names := {ban.name | some ban in banned; not contains(ban.name, "*")}

paths := {ban.purl | some ban in banned; not contains(ban.purl, "*")}

# What stands before the first star.
name_starts := {split(ban.name, "*")[0] | some ban in banned; contains(ban.name, "*")}

path_starts := {split(ban.purl, "*")[0] | some ban in banned; contains(ban.purl, "*")}

deny contains images.finding(entry.image, id, text) if {
	some entry in suspects
	some ban in banned
	some held in entry.packages
	named(ban, held)
	verdict := lies(ban, held)
	verdict != "no"
	id := {"yes": "banned", "unknown": "incomparable"}[verdict]
	text := concat("", ["it holds ", shown(held), limits(ban, verdict), because(ban)])
}

named(ban, held) if {
	count(object.keys(ban) & {"name", "purl"}) > 0
	fits(ban, "name", held.name)
	fits(ban, "purl", held.path)
}

fits(ban, key, _) if not ban[key]

fits(ban, key, value) if patterns.matches(ban[key], value)

lies(ban, _) := "yes" if not ban.versions

lies(ban, held) := versions.in_range(ban.versions, version_of(held), held.kind) if ban.versions

version_of(held) := held.version if {
	is_string(held.version)
} else := ""

shown(held) := concat(" ", [name | some name in [held.name, version_of(held)]; name != ""])

limits(ban, "yes") := ", which is banned" if not ban.versions

limits(ban, "yes") := sprintf(", and %s is banned", [ban.versions]) if ban.versions

limits(ban, "unknown") := sprintf(", whose version can't be compared with %s, which is banned", [ban.versions])

because(ban) := sprintf(": %s", [ban.reason]) if {
	ban.reason
} else := ""
