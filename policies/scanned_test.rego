package policies.scanned_test

import data.policies.scanned

platform := "linux/amd64"

zero := {"CRITICAL": 0, "HIGH": 0, "MEDIUM": 0, "LOW": 0, "UNKNOWN": 0}

clean := {"source": "reports", "platform": platform, "digest": "sha256:a", "state": "evaluated", "endOfLife": false, "counts": zero, "findings": []}

image(scans) := {
	"container": "web",
	"role": "container",
	"written": "acme/app:1",
	"platforms": [{"platform": platform, "digest": "sha256:a"}],
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
		finding := only([{"source": "harbor", "platform": platform, "digest": "sha256:a", "state": state, "reason": "because"}])
		finding.id == "unscanned"
		contains(finding.msg, sprintf("harbor %s: because", [words]))
	}
}

test_one_evaluated_source_is_enough if {
	count(denials([clean, {"source": "harbor", "platform": platform, "digest": "sha256:a", "state": "unavailable", "reason": "no answer"}])) == 0
}

test_one_severe_source_is_enough_to_deny if only([clean, object.union(found([cve("CVE-1", "HIGH")]), {"source": "harbor"})]).id == "severe"

test_every_platform_needs_a_result if {
	both := object.union(image([clean]), {"platforms": [{"platform": platform, "digest": "sha256:a"}, {"platform": "linux/arm64", "digest": "sha256:b"}]})
	some finding in scanned.deny with input as {"images": [both]}
	contains(finding.msg, "linux/arm64 is unscanned")
}

test_a_result_of_another_image_for_the_platform_does_not_count if {
	both := object.union(image([clean]), {"platforms": [{"platform": platform, "digest": "sha256:a"}, {"platform": platform, "digest": "sha256:c"}]})
	found := scanned.deny with input as {"images": [both]}
	{finding.id | some finding in found} == {"unscanned"}
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

scanned_at(at, database) := object.union(clean, {"scannedAt": at, "databaseUpdatedAt": database})

at_noon(scans) := {"now": "2026-11-24T12:00:00Z", "images": [image(scans)]}

week := {"maxAge": "168h"}

two_days := {"databaseMaxAge": "48h"}

test_any_age_will_do_by_default if {
	count(scanned.deny) == 0 with input as at_noon([scanned_at("2020-01-01T00:00:00Z", null)])
}

test_a_result_within_the_age_is_allowed if {
	count(scanned.deny) == 0 with input as at_noon([scanned_at("2026-11-17T12:00:00Z", null)]) with data.config.scanned as week
}

test_a_result_past_the_age_is_denied if {
	found := scanned.deny with input as at_noon([scanned_at("2026-11-17T11:59:59Z", null)]) with data.config.scanned as week
	{finding.id | some finding in found} == {"stale"}
	some finding in found
	contains(finding.msg, "linux/amd64 has no fresh scan result: reports looked at 2026-11-17T11:59:59Z, longer ago than 168h")
}

test_a_result_without_a_readable_time_is_denied if {
	found := scanned.deny with input as at_noon([scanned_at("yesterday", null)]) with data.config.scanned as week
	{finding.id | some finding in found} == {"stale"}
}

test_one_fresh_result_is_enough if {
	fresh := object.union(scanned_at("2026-11-24T00:00:00Z", null), {"source": "harbor"})
	count(scanned.deny) == 0 with input as at_noon([scanned_at("2020-01-01T00:00:00Z", null), fresh]) with data.config.scanned as week
}

test_a_stale_result_that_is_severe_denies_beside_a_fresh_one if {
	severe := object.union(scanned_at("2020-01-01T00:00:00Z", null), {"source": "harbor", "findings": [cve("CVE-1", "HIGH")]})
	found := scanned.deny with input as at_noon([severe, scanned_at("2026-11-24T00:00:00Z", null)]) with data.config.scanned as week
	{finding.id | some finding in found} == {"severe"}
}

test_a_database_within_the_age_is_allowed if {
	count(scanned.deny) == 0 with input as at_noon([scanned_at("2026-11-24T00:00:00Z", "2026-11-22T12:00:00Z")]) with data.config.scanned as two_days
}

test_a_database_past_the_age_is_denied if {
	found := scanned.deny with input as at_noon([scanned_at("2026-11-24T00:00:00Z", "2026-11-22T11:59:59Z")]) with data.config.scanned as two_days
	some finding in found
	contains(finding.msg, "the database of reports is of 2026-11-22T11:59:59Z, and may be no older than 48h")
}

test_a_database_of_unknown_age_is_denied if {
	found := scanned.deny with input as at_noon([scanned_at("2026-11-24T00:00:00Z", null)]) with data.config.scanned as two_days
	some finding in found
	contains(finding.msg, "of a time that the result does not tell")
}

test_an_age_that_is_no_duration_is_denied if {
	every value in ["7y", "", 7, false, "-1h", "0s", null] {
		found := scanned.deny with input as at_noon([scanned_at("2026-11-24T00:00:00Z", null)]) with data.config.scanned as {"maxAge": value}
		{finding.id | some finding in found} == {"parameter"}
	}
}

test_a_misspelt_severity_is_named if {
	some finding in denials([clean]) with data.config.scanned.severities as ["HIHG"]
	finding.msg == `data.config.scanned.severities is ["HIHG"], and must be a list of severity (one of CRITICAL, HIGH, MEDIUM, LOW, UNKNOWN)`
}

test_both_parameters_are_checked_though_there_is_no_image if {
	found := scanned.deny with input as {"images": []} with data.config.scanned as {"maxAge": "x", "databaseMaxAge": "y"}
	count(found) == 2
}
