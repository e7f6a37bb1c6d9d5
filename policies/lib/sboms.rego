# METADATA
# title: Words for SBOMs
# description: Reads the packages that an attested SPDX (2 and 3) or CycloneDX document lists.
package lib.sboms

types := {
	"spdx": ["https://spdx.dev/Document", "https://spdx.dev/Document/**"],
	"cyclonedx": ["https://cyclonedx.org/bom", "https://cyclonedx.org/bom/**"],
}

# Packages of a document, each `{name, version, purl}`, of which the last two may be null; undefined for what is none that can be read,
# and for one that has a package without a name: nobody could tell what it is.
packages(predicate) := result if {
	result := entries(predicate)
	every entry in result {
		is_string(entry.name)
	}
}

entries(predicate) := result if {
	is_array(document(predicate).packages)
	result := [{"name": object.get(entry, "name", null), "version": object.get(entry, "versionInfo", null), "purl": spdx_purl(entry)} |
		some entry in document(predicate).packages
	]
} else := result if {
	is_array(document(predicate)["@graph"])
	result := [{
		"name": object.get(entry, "name", null),
		"version": object.get(entry, "software_packageVersion", null),
		"purl": object.get(entry, "software_packageUrl", null),
	} |
		some entry in document(predicate)["@graph"]
		entry.type == "software_Package"
	]
} else := result if {
	is_array(document(predicate).components)
	result := [{"name": object.get(entry, "name", null), "version": object.get(entry, "version", null), "purl": object.get(entry, "purl", null)} |
		some entry in components(document(predicate).components)
	]
}

# Early releases of cosign put the document below `Data`.
document(predicate) := predicate.Data if {
	is_object(predicate.Data)
} else := predicate

spdx_purl(entry) := purls[0] if {
	purls := [reference.referenceLocator |
		some reference in entry.externalRefs
		reference.referenceType == "purl"
	]
	count(purls) > 0
} else := null

# Components may hold others, to any depth; few documents do.
components(list) := list if {
	count([1 | some entry in list; entry.components]) == 0
} else := [entry |
	walk(list, [path, entry])
	is_object(entry)
	is_string(entry.name)
	is_number(path[count(path) - 1])
	within_components(path)
]

within_components(path) if count(path) == 1

within_components(path) if path[count(path) - 2] == "components"

# `{kind, path}` of a purl: its type, and all before the version. https://github.com/package-url/purl-spec
purl(text) := {"kind": kind, "path": path} if {
	is_string(text)
	startswith(text, "pkg:")
	path := replace(split(split(split(text, "?")[0], "#")[0], "@")[0], "%40", "@")
	kind := lower(split(trim_prefix(path, "pkg:"), "/")[0])
} else := {"kind": null, "path": null}
