package policies.scan_age_test

import data.policies.scan_age

scan(at, database) := {
	"source": "reports",
	"platform": "linux/amd64",
	"digest": "sha256:a",
	"state": "evaluated",
	"scannedAt": at,
	"databaseUpdatedAt": database,
}

given(scans) := {"now": "2026-11-24T00:00:00Z", "images": [{
	"container": "web",
	"role": "container",
	"written": "app:1",
	"platforms": [{"platform": "linux/amd64", "digest": "sha256:a"}],
	"scans": scans,
}]}

ids(scans, config) := {finding.id | some finding in found} if {
	found := scan_age.deny with input as given(scans) with data.config.scan_age as config
}

test_a_week_by_default if {
	ids([scan("2026-11-17T00:00:00Z", null)], {}) == set()
	ids([scan("2026-11-16T23:59:59Z", null)], {}) == {"stale"}
}

test_another_age if {
	ids([scan("2026-11-17T00:00:00Z", null)], {"maxAge": "24h"}) == {"stale"}
	ids([scan("2026-10-30T00:00:00Z", null)], {"maxAge": "30d"}) == set()
}

test_the_database if {
	ids([scan("2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z")], {"databaseMaxAge": "48h"}) == set()
	ids([scan("2026-11-23T00:00:00Z", "2026-11-21T00:00:00Z")], {"databaseMaxAge": "48h"}) == {"stale"}
	ids([scan("2026-11-23T00:00:00Z", null)], {"databaseMaxAge": "48h"}) == {"stale"}
}

test_one_fresh_result_is_enough if ids([scan("2020-01-01T00:00:00Z", null), scan("2026-11-23T00:00:00Z", null)], {}) == set()

test_each_state_is_reported_as_what_it_is if {
	every state, words in data.lib.scans.meaning {
		one := {"source": "harbor", "platform": "linux/amd64", "digest": "sha256:a", "state": state, "reason": "because"}
		some finding in scan_age.deny with input as given([one])
		finding.id == "unscanned"
		contains(finding.msg, words)
	}
}

test_parameters if ids([scan("2026-11-23T00:00:00Z", null)], {"maxAge": "soon"}) == {"parameter"}
