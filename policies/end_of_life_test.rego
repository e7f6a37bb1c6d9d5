package policies.end_of_life_test

import data.policies.end_of_life

scan(source, told) := {"source": source, "platform": "linux/amd64", "digest": "sha256:a", "state": "evaluated", "endOfLife": told}

given(scans) := {"images": [{
	"container": "web",
	"role": "container",
	"written": "app:1",
	"platforms": [{"platform": "linux/amd64", "digest": "sha256:a"}],
	"scans": scans,
}]}

ids(scans) := {finding.id | some finding in found} if {
	found := end_of_life.deny with input as given(scans)
}

test_supported if ids([scan("reports", false)]) == set()

test_end_of_life if {
	ids([scan("reports", true)]) == {"end-of-life"}
	ids([scan("reports", true), scan("operator", false)]) == {"end-of-life"}
}

test_a_source_that_does_not_tell_is_not_supported if {
	ids([scan("harbor", null)]) == {"untold"}
	ids([scan("harbor", null), scan("reports", false)]) == set()
	some finding in end_of_life.deny with input as given([scan("harbor", null)])
	endswith(finding.msg, "whether the distribution in linux/amd64 is supported is not known: harbor does not tell")
}

test_untold_can_be_allowed if {
	count(end_of_life.deny) == 0 with input as given([scan("harbor", null)]) with data.config.end_of_life.untold as "allow"
}

test_each_state_is_reported_as_what_it_is if {
	every state, words in data.lib.scans.meaning {
		one := {"source": "harbor", "platform": "linux/amd64", "digest": "sha256:a", "state": state, "reason": "because"}
		some finding in end_of_life.deny with input as given([one])
		finding.id == "unscanned"
		contains(finding.msg, words)
	}
}

test_parameters if {
	some finding in end_of_life.deny with input as {"images": []} with data.config.end_of_life as {"untold": "maybe"}
	finding.id == "parameter"
}
