package policies.last_known_good_test

import data.policies.last_known_good

given(facts) := {"images": [{"container": "web", "role": "container", "written": "app:1", "lastKnownGood": facts}]}

fact(age) := {"stage": "scans", "source": "harbor", "age": age}

ids(facts, config) := {finding.id | some finding in found} if {
	found := last_known_good.deny with input as given(facts) with data.config.last_known_good as config
}

hour := {"maxAge": "1h"}

test_everything_can_be_reached if {
	ids([], hour) == set()
	count(last_known_good.warn) == 0 with input as given([]) with data.config.last_known_good as hour
}

test_young_is_a_warning if {
	ids([fact(3600)], hour) == set()
	some finding in last_known_good.warn with input as given([fact(59.7)]) with data.config.last_known_good as hour
	finding.msg == "container web, image app:1: scans of harbor can't be reached, and what is known is 59 s old"
}

test_old_is_denied if ids([fact(3601)], hour) == {"too-old"}

test_other_stages_can_be_left_out if ids([fact(9999)], {"maxAge": "1h", "stages": ["signatures"]}) == set()

test_parameters if {
	ids([fact(1)], {}) == {"parameter"}
	"parameter" in ids([fact(1)], {"maxAge": "1h", "stages": ["scan"]})
}
