package policies.banned_packages_test

import data.policies.banned_packages

sbom(packages) := {
	"signer": "ci",
	"predicateType": "https://cyclonedx.org/bom",
	"predicate": {"components": packages},
	"subject": "sha256:1",
}

npm(name, version) := {"name": name, "version": version, "purl": sprintf("pkg:npm/%s@%s", [name, version])}

image(attestations) := {
	"container": "web",
	"role": "container",
	"written": "app:1",
	"reference": {"registry": "docker.io", "repository": "library/app", "digest": "sha256:1"},
	"platforms": [],
	"attestations": attestations,
	"scans": [],
	"rejected": [],
	"faults": [],
}

holding(packages) := image([sbom(packages)])

denials(one, bans, changes) := result if {
	config := object.union({"packages": bans}, changes)
	result := banned_packages.deny with input as {"images": [one]} with data.config.banned_packages as config
}

ids(found) := {finding.id | some finding in found}

stream := {"purl": "pkg:npm/event-stream", "versions": ">=3.3.6 <4.0.0", "reason": "it stole wallets"}

test_nothing_banned if {
	count(denials(holding([npm("left-pad", "1.3.0"), npm("event-stream", "3.3.5"), npm("event-stream", "4.0.0")]), [stream], {})) == 0
}

test_a_banned_version_is_named_with_the_reason if {
	denials(holding([npm("event-stream", "3.3.6")]), [stream], {}) == {{
		"id": "banned",
		"container": "web",
		"msg": "container web, image app:1: it holds event-stream 3.3.6, and >=3.3.6 <4.0.0 is banned: it stole wallets",
	}}
}

test_all_versions_where_none_are_given if {
	some finding in denials(holding([npm("event-stream", "1.0.0")]), [{"name": "event-*"}], {})
	endswith(finding.msg, "it holds event-stream 1.0.0, which is banned")
}

test_name_and_purl_must_both_fit if {
	count(denials(holding([npm("event-stream", "3.3.6")]), [{"name": "event-stream", "purl": "pkg:pypi/**"}], {})) == 0
}

test_patterns_of_purls if {
	ids(denials(holding([npm("event-stream", "3.3.6")]), [{"purl": "pkg:npm/event-*"}], {})) == {"banned"}
	count(denials(holding([npm("stream", "3.3.6")]), [{"purl": "pkg:npm/event-*"}], {})) == 0
	ids(denials(holding([npm("%40acme/x", "1.0.0")]), [{"purl": "pkg:npm/@acme/**"}], {})) == {"banned"}
}

test_a_package_without_a_purl_fits_by_name_only if {
	bare := holding([{"name": "event-stream", "version": "3.3.6"}])
	count(denials(bare, [{"name": "event-stream"}], {})) == 1
	count(denials(bare, [{"purl": "pkg:npm/event-stream"}], {})) == 0
}

test_a_version_that_can_not_be_compared_is_said_to_be if {
	deb := {"name": "openssl", "version": "3.0.11-1~deb12u2", "purl": "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64"}
	found := denials(holding([deb]), [{"name": "openssl", "versions": "<3.0.12"}], {})
	ids(found) == {"incomparable"}
	some finding in found
	endswith(finding.msg, "it holds openssl 3.0.11-1~deb12u2, whose version can't be compared with <3.0.12, which is banned")
	ids(denials(holding([{"name": "openssl"}]), [{"name": "openssl", "versions": "<3.0.12"}], {})) == {"incomparable"}
}

test_findings_of_scans_name_packages_too if {
	scan := {"state": "evaluated", "findings": [{"package": "log4j-core", "installed": "2.14.1", "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}]}
	scanned := object.union(image([]), {"scans": [scan, {"state": "missing"}]})
	ban := {"purl": "pkg:maven/org.apache.logging.log4j/log4j-core", "versions": "<2.17.1"}
	ids(denials(scanned, [ban], {"withoutSbom": "allow"})) == {"banned"}
	ids(denials(scanned, [ban], {})) == {"banned", "absent"}
}

test_without_an_sbom_nothing_is_known if {
	some finding in denials(image([]), [stream], {})
	finding.id == "absent"
	endswith(finding.msg, "it does not have an SBOM, by which its packages would be known")
	count(denials(image([]), [stream], {"withoutSbom": "allow"})) == 0
	ids(denials(holding([]), [stream], {"signers": ["release"]})) == {"absent"}
	fault := {"stage": "signatures", "source": "ci", "code": "REGISTRY_UNAVAILABLE", "message": "no answer"}
	ids(denials(object.union(image([]), {"faults": [fault]}), [stream], {})) == {"unknown"}
}

test_an_sbom_that_can_not_be_read if {
	ids(denials(image([object.union(sbom([]), {"predicate": "text"})]), [stream], {})) == {"unreadable"}
	ids(denials(holding([{"name": 1, "version": "1"}]), [stream], {})) == {"unreadable"}
}

test_parameters if {
	found := banned_packages.deny with input as {"images": []}
	ids(found) == {"parameter"}
	ids(denials(holding([]), [{"versions": "<1.0.0"}], {})) == {"parameter"}
	ids(denials(holding([]), [{"name": "x", "versions": "~1.2"}], {})) == {"parameter"}
	ids(denials(holding([]), [{"nam": "x", "name": "y"}], {})) == {"parameter"}
}
