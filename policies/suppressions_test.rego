package policies.suppressions_test

import data.policies.suppressions

cve(severity, suppressed) := {"id": "CVE-1", "severity": severity, "suppressed": suppressed}

denials(findings, config) := result if {
	scan := {"source": "reports", "platform": "linux/amd64", "state": "evaluated", "findings": findings}
	missing := {"source": "harbor", "platform": "linux/amd64", "state": "missing", "reason": "none"}
	image := {"container": "web", "role": "container", "written": "app:1", "scans": [scan, missing]}
	result := suppressions.deny with input as {"images": [image]} with data.config.suppressions as config
}

ids(found) := {finding.id | some finding in found}

by_security := {"by": "vex central by security@acme.example, attested by security", "reason": "component_not_present"}

by_scanner := {"by": "trivy .trivyignore", "reason": "later"}

listed := {"by": ["vex ** attested by security"]}

test_open_findings_are_not_its_matter if count(denials([cve("CRITICAL", null)], listed)) == 0

test_a_listed_author if count(denials([cve("CRITICAL", by_security)], listed)) == 0

test_another_author_is_named if {
	found := denials([cve("HIGH", by_scanner)], listed)
	found == {{
		"id": "unknown-author",
		"container": "web",
		"cves": ["CVE-1"],
		"msg": "container web, image app:1: in linux/amd64 by reports, CVE-1 is suppressed by trivy .trivyignore, who is not listed",
	}}
}

test_a_name_that_only_looks_alike_does_not_do if {
	count(denials([cve("HIGH", {"by": "vex x by attested by security, attested by dev", "reason": "x"})], listed)) == 1
}

test_low_findings_are_left_alone if {
	count(denials([cve("LOW", by_scanner)], listed)) == 0
	count(denials([cve("LOW", by_scanner)], object.union(listed, {"severities": ["LOW"]}))) == 1
}

test_without_a_reason if ids(denials([cve("HIGH", object.union(by_security, {"reason": " "}))], listed)) == {"no-reason"}

test_without_an_author if {
	some finding in denials([cve("HIGH", {"by": "", "reason": "x"})], listed)
	contains(finding.msg, "suppressed by nobody")
}

test_parameters if {
	ids(denials([], {})) == {"parameter"}
	ids(denials([], {"by": "security"})) == {"parameter"}
}
