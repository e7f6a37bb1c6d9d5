package policies.scanned_test

import data.policies.scanned

platform := "linux/amd64"

zero := {"CRITICAL": 0, "HIGH": 0, "MEDIUM": 0, "LOW": 0, "UNKNOWN": 0}

clean := {"source": "reports", "platform": platform, "state": "evaluated", "endOfLife": false, "counts": zero, "findings": []}

image(scans) := {
	"container": "web",
	"role": "container",
	"written": "acme/app:1",
	"platforms": [{"platform": platform}],
	"scans": scans,
}

cve(id, severity) := {"id": id, "severity": severity, "suppressed": null}

found(findings) := object.union(clean, {"findings": findings})

denials(scans) := result if result := scanned.deny with input as {"images": [image(scans)]}

only(scans) := finding if {
	all := denials(scans)
	count(all) == 1
	some finding in all
}

test_a_clean_image_is_allowed if count(denials([clean])) == 0

test_findings_below_severe_are_allowed if count(denials([found([cve("CVE-1", "MEDIUM"), cve("CVE-2", "UNKNOWN")])])) == 0

test_a_critical_finding_is_denied_with_its_id if {
	finding := only([found([cve("CVE-1", "CRITICAL")])])
	finding.id == "severe"
	finding.cves == ["CVE-1"]
	finding.msg == "container web, image acme/app:1: linux/amd64 has 1 CRITICAL by reports: CVE-1"
}

test_grades_are_counted_apart if {
	finding := only([found([cve("CVE-1", "CRITICAL"), cve("CVE-2", "HIGH"), cve("CVE-3", "HIGH")])])
	contains(finding.msg, "1 CRITICAL and 2 HIGH by reports: CVE-1, CVE-2, CVE-3")
}

test_long_lists_are_cut_in_the_text_only if {
	finding := only([found([cve(sprintf("CVE-%d", [i]), "HIGH") | some i in numbers.range(1, 9)])])
	count(finding.cves) == 9
	contains(finding.msg, "and 4 more")
}

test_suppressed_findings_are_allowed if {
	quiet := object.union(cve("CVE-1", "CRITICAL"), {"suppressed": {"by": "vex", "reason": "not affected"}})
	count(denials([object.union(found([quiet]), {"counts": object.union(zero, {"CRITICAL": 1})})])) == 0
}

test_severe_can_be_set if {
	count(denials([found([cve("CVE-1", "HIGH")])])) == 0 with data.config.scanned.severities as ["CRITICAL"]
	count(denials([found([cve("CVE-1", "LOW")])])) == 1 with data.config.scanned.severities as ["LOW"]
}

test_no_source_is_unscanned if {
	finding := only([])
	finding.id == "unscanned"
	contains(finding.msg, "no scan source is configured")
}

test_each_state_is_reported_as_what_it_is if {
	every state, words in data.lib.scans.meaning {
		finding := only([{"source": "harbor", "platform": platform, "state": state, "reason": "because"}])
		finding.id == "unscanned"
		contains(finding.msg, sprintf("harbor %s: because", [words]))
	}
}

test_one_evaluated_source_is_enough if {
	count(denials([clean, {"source": "harbor", "platform": platform, "state": "unavailable", "reason": "no answer"}])) == 0
}

test_one_severe_source_is_enough_to_deny if only([clean, object.union(found([cve("CVE-1", "HIGH")]), {"source": "harbor"})]).id == "severe"

test_every_platform_needs_a_result if {
	both := object.union(image([clean]), {"platforms": [{"platform": platform}, {"platform": "linux/arm64"}]})
	some finding in scanned.deny with input as {"images": [both]}
	contains(finding.msg, "linux/arm64 is unscanned")
}

test_unknown_platforms_are_denied if {
	some finding in scanned.deny with input as {"images": [object.union(image([clean]), {"platforms": []})]}
	finding.id == "unscanned"
}

test_a_cut_report_is_denied if {
	only([object.union(clean, {"counts": object.union(zero, {"CRITICAL": 3})})]).id == "incomplete"
}

test_end_of_life_is_a_warning if {
	some finding in scanned.warn with input as {"images": [image([object.union(clean, {"endOfLife": true})])]}
	finding.id == "end-of-life"
}

test_no_warning_else if count(scanned.warn) == 0 with input as {"images": [image([clean])]}
