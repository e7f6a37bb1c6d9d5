package lib.parameters_test

import data.lib.parameters

declared := [
	{"name": "names", "type": "list of text"},
	{"name": "age", "type": "duration"},
	{"name": "most", "type": "map from severity to number"},
	{"name": "form", "type": "one of spdx, cyclonedx"},
	{"name": "strict", "type": "boolean"},
	{"name": "word", "type": "text"},
	{"name": "worst", "type": "severity"},
	{"name": "ages", "type": "list of duration"},
	{"name": "rules", "type": "list of objects", "fields": [{"name": "images", "type": "list of text", "required": true}, {"name": "atLeast", "type": "number"}]},
]

faults(config) := result if result := parameters.faults("p", declared) with data.config as {"p": config}

test_nothing_configured_is_right if {
	count(parameters.faults("p", declared)) == 0
	count(faults({})) == 0
}

test_all_types_that_fit if {
	count(faults({
		"names": ["a"],
		"age": "7d",
		"most": {"HIGH": 0},
		"form": "spdx",
		"strict": false,
		"word": "x",
		"worst": "LOW",
		"ages": ["1h"],
		"rules": [{"images": ["**"], "atLeast": 2}],
	})) == 0
}

test_a_misspelt_name_is_named if {
	faults({"nmes": []}) == {`data.config.p has no parameter "nmes"; it has names, age, most, form, strict, word, worst, ages, rules`}
}

test_what_is_no_object if {
	every value in [[], "x", 1, false, null] {
		count(faults(value)) == 1
	}
	some text in faults(["a"])
	startswith(text, `data.config.p is ["a"], and must be an object with names`)
}

test_wrong_types_are_named_with_what_they_must_be if {
	faults({"names": "a"}) == {`data.config.p.names is "a", and must be a list of text`}
	faults({"names": [1]}) == {`data.config.p.names is [1], and must be a list of text`}
	faults({"strict": "no"}) == {`data.config.p.strict is "no", and must be true or false`}
	faults({"form": "xml"}) == {`data.config.p.form is "xml", and must be one of spdx, cyclonedx`}
	faults({"most": {"HIHG": 1}}) == {`data.config.p.most is {"HIHG":1}, and must be a map from severity to number (one of CRITICAL, HIGH, MEDIUM, LOW, UNKNOWN)`}
	faults({"word": " "}) == {`data.config.p.word is " ", and must be a text`}
	faults({"worst": "low"}) == {`data.config.p.worst is "low", and must be one of CRITICAL, HIGH, MEDIUM, LOW, UNKNOWN`}
	faults({"ages": ["x"]}) == {`data.config.p.ages is ["x"], and must be a list of duration, such as 168h`}
	faults({"names": null}) == {`data.config.p.names is null, and must be a list of text`}
	faults({"strict": null}) == {`data.config.p.strict is null, and must be true or false`}
}

test_a_boolean_parameter_that_is_false_is_not_missing if {
	needed := [{"name": "strict", "type": "boolean", "required": true}]
	count(parameters.faults("p", needed)) == 0 with data.config as {"p": {"strict": false}}
}

test_durations if {
	every text in ["1s", "90m", "168h", "7d", "2w", "1h30m"] {
		count(faults({"age": text})) == 0
	}
	every value in ["", "7", 7, "-1h", "0s", "1 d", "d", "1y", false, null] {
		count(faults({"age": value})) == 1
	}
}

test_numbers if {
	every value in [-1, 1.5, "1", true, null] {
		count(faults({"most": {"HIGH": value}})) == 1
	}
}

test_lists_of_objects_are_looked_into if {
	faults({"rules": {}}) == {"data.config.p.rules is {}, and must be a list of objects"}
	faults({"rules": ["x"]}) == {`data.config.p.rules[0] is "x", and must be an object`}
	faults({"rules": [{"images": ["a"]}, {"imags": ["a"], "atLeast": -1}]}) == {
		`data.config.p.rules[1] has no parameter "imags"; it has images, atLeast`,
		"data.config.p.rules[1].images is not set, and nothing can be judged without it: a list of text",
		"data.config.p.rules[1].atLeast is -1, and must be a whole number, 0 or more",
	}
}

test_what_is_required_is_missed if {
	parameters.faults("p", [{"name": "age", "type": "duration", "required": true}]) == {"data.config.p.age is not set, and nothing can be judged without it: a duration such as 168h or 7d"}
}

test_long_values_are_cut if {
	some text in faults({"strict": concat("", ["x" | some _ in numbers.range(1, 200)])})
	count(text) < 150
}

test_value if {
	parameters.value("p", "age", "1h") == "2h" with data.config.p as {"age": "2h"}
	parameters.value("p", "age", "1h") == "1h" with data.config.p as {}
	parameters.value("p", "age", "1h") == "1h" with data.config.p as "nonsense"
	parameters.value("p", "age", "1h") == "1h"
}

test_findings_by_metadata if {
	chain := [
		{"path": ["policies", "p", "deny"], "annotations": {"scope": "rule", "custom": {"parameters": [{"name": "other", "type": "text"}]}}},
		{"path": ["policies", "p"], "annotations": {"scope": "package", "custom": {"parameters": declared}}},
	]
	parameters.findings(chain) == {{
		"id": "parameter",
		"remediation": "Correct policy.data of the configuration.",
		"msg": `data.config.p has no parameter "other"; it has names, age, most, form, strict, word, worst, ages, rules`,
	}} with data.config as {"p": {"other": "x"}}
}
