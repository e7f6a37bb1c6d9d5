package lib.scans_test

import data.lib.scans

image := {"scans": [
	{"source": "harbor", "platform": "linux/amd64", "digest": "sha256:a", "state": "unavailable", "reason": "no answer"},
	{"source": "attested", "platform": "linux/amd64", "digest": "sha256:a", "state": "evaluated", "findings": []},
	{"source": "attested", "platform": "linux/arm64", "digest": "sha256:b", "state": "missing", "reason": "none"},
]}

amd64 := {"platform": "linux/amd64", "digest": "sha256:a"}

arm64 := {"platform": "linux/arm64", "digest": "sha256:b"}

test_a_scan_of_another_image_of_the_same_name_does_not_count if {
	count(scans.of_platform(image, {"platform": "linux/amd64", "digest": "sha256:c"})) == 0
}

test_a_scan_without_a_digest_counts_by_name if {
	old := {"scans": [{"source": "x", "platform": "linux/amd64", "state": "evaluated"}]}
	count(scans.evaluated(old, amd64)) == 1
	count(scans.evaluated(old, arm64)) == 0
}

test_each_platform_by_itself if {
	count(scans.of_platform(image, amd64)) == 2
	count(scans.evaluated(image, arm64)) == 0
	count(scans.evaluated(image, amd64)) == 1
}

test_states_say_what_is_the_case if scans.states(image, amd64) == ["harbor could not be asked: no answer"]

test_an_unknown_state_is_shown_as_it_is if {
	scans.states({"scans": [{"source": "x", "platform": "p", "state": "new"}]}, {"platform": "p"}) == ["x new: no reason given"]
}

test_suppressed_findings_do_not_count if {
	finding := {"id": "CVE-1", "severity": "CRITICAL", "suppressed": null}
	quiet := {"id": "CVE-2", "severity": "CRITICAL", "suppressed": {"by": "vex", "reason": "not affected"}}
	low := {"id": "CVE-3", "severity": "LOW", "suppressed": null}
	scans.severe({"findings": [finding, quiet, low]}, {"CRITICAL"}) == [finding]
}

test_short_lists_are_whole if scans.shorten(["a", "b"], 2) == "a, b"

test_long_lists_are_cut if scans.shorten(["a", "b", "c"], 1) == "a and 2 more"
