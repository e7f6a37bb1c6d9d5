package policies.vulnerabilities_test

import data.policies.vulnerabilities

zero := {"CRITICAL": 0, "HIGH": 0, "MEDIUM": 0, "LOW": 0, "UNKNOWN": 0}

scan(findings) := {
	"source": "reports",
	"platform": "linux/amd64",
	"digest": "sha256:a",
	"state": "evaluated",
	"counts": zero,
	"findings": findings,
}

image(scans) := {
	"container": "web",
	"role": "container",
	"written": "app:1",
	"platforms": [{"platform": "linux/amd64", "digest": "sha256:a"}],
	"scans": scans,
}

cve(id, severity) := {
	"id": id,
	"severity": severity,
	"fixed": "2",
	"status": "fixed",
	"published": "2026-11-20T00:00:00Z",
	"suppressed": null,
}

unfixed(status) := object.union(cve("CVE-1", "HIGH"), {"fixed": null, "status": status})

given(scans) := {"now": "2026-11-24T00:00:00Z", "images": [image(scans)]}

denials(findings, config) := result if {
	result := vulnerabilities.deny with input as given([scan(findings)]) with data.config.vulnerabilities as config
}

warnings(findings, config) := result if {
	result := vulnerabilities.warn with input as given([scan(findings)]) with data.config.vulnerabilities as config
}

ids(found) := {finding.id | some finding in found}

test_clean if count(denials([], {})) == 0

test_by_default_no_high if {
	count(denials([cve("CVE-1", "MEDIUM")], {})) == 0
	some finding in denials([cve("CVE-1", "HIGH")], {})
	finding.cves == ["CVE-1"]
	finding.msg == "container web, image app:1: linux/amd64 has 1 HIGH by reports, of which 0 are allowed: CVE-1"
}

test_thresholds if {
	some_of := [cve("CVE-1", "MEDIUM"), cve("CVE-2", "MEDIUM"), cve("CVE-3", "HIGH")]
	count(denials(some_of, {"most": {"MEDIUM": 2}})) == 0
	some finding in denials(some_of, {"most": {"MEDIUM": 1}})
	finding.cves == ["CVE-1", "CVE-2"]
}

test_suppressed_findings_do_not_count if {
	count(denials([object.union(cve("CVE-1", "HIGH"), {"suppressed": {"by": "vex", "reason": "x"}})], {})) == 0
}

test_only_fixable if {
	count(denials([unfixed("affected")], {})) == 1
	count(denials([unfixed("affected")], {"onlyFixable": true})) == 0
	count(denials([cve("CVE-1", "HIGH")], {"onlyFixable": true})) == 1
	count(denials([unfixed("will_not_fix")], {"onlyFixable": true, "unfixedStatuses": ["will_not_fix"]})) == 1
	count(denials([unfixed("affected")], {"onlyFixable": true, "unfixedStatuses": ["will_not_fix"]})) == 0
}

test_grace_is_counted_from_when_it_was_made_public if {
	count(denials([cve("CVE-1", "HIGH")], {"grace": {"HIGH": "5d"}})) == 0
	count(denials([cve("CVE-1", "HIGH")], {"grace": {"HIGH": "96h"}})) == 1
	count(denials([cve("CVE-1", "HIGH")], {"grace": {"CRITICAL": "5d"}})) == 1
}

test_without_a_date_there_is_no_grace if {
	every published in [null, "soon", "2026-11-25T00:00:00Z"] {
		count(denials([object.union(cve("CVE-1", "HIGH"), {"published": published})], {"grace": {"HIGH": "5d"}})) == 1
	}
}

test_grace_is_a_warning_that_says_until_when if {
	found := warnings([cve("CVE-1", "HIGH")], {"grace": {"HIGH": "5d"}})
	some finding in found
	finding.msg == "container web, image app:1: linux/amd64 has 1 findings by reports that do not count yet, the first until 2026-11-25: CVE-1"
	count(warnings([cve("CVE-1", "HIGH")], {"grace": {"HIGH": "1d"}})) == 0
	count(warnings([cve("CVE-1", "HIGH")], {})) == 0
}

test_each_state_is_reported_as_what_it_is if {
	every state, words in data.lib.scans.meaning {
		one := {"source": "harbor", "platform": "linux/amd64", "digest": "sha256:a", "state": state, "reason": "because"}
		some finding in vulnerabilities.deny with input as given([one])
		finding.id == "unscanned"
		contains(finding.msg, sprintf("harbor %s: because", [words]))
	}
	none := vulnerabilities.deny with input as given([])
	ids(none) == {"unscanned"}
}

test_a_cut_report_is_denied if {
	cut := object.union(scan([]), {"counts": object.union(zero, {"HIGH": 2})})
	found := vulnerabilities.deny with input as given([cut])
	ids(found) == {"incomplete"}
	low := vulnerabilities.deny with input as given([cut]) with data.config.vulnerabilities as {"most": {"CRITICAL": 0}}
	count(low) == 0
}

test_parameters if {
	"parameter" in ids(denials([], {"most": {"HIHG": 0}}))
	"parameter" in ids(denials([], {"onlyFixable": "yes"}))
	"parameter" in ids(denials([], {"grace": {"HIGH": 7}}))
	"parameter" in ids(denials([], {"onlyfixable": true}))
}
