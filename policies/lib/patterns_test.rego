package lib.patterns_test

import data.lib.patterns

test_a_text_is_itself if {
	patterns.matches("a/b", "a/b")
	not patterns.matches("a/b", "a/bc")
	not patterns.matches("a", "ab")
}

test_other_signs_of_globs_mean_nothing_without_a_star if {
	not patterns.matches("a?", "ab")
	not patterns.matches("[ab]", "a")
}

test_other_signs_of_globs_mean_themselves_beside_a_star if {
	patterns.matches("https://x/?a=*", "https://x/?a=b")
	not patterns.matches("https://x/?a=*", "https://x/za=b")
	not patterns.matches("[ab]*", "a1")
	patterns.matches("{a,b}*", "{a,b}1")
	not patterns.matches("{a,b}*", "a1")
}

test_stars if {
	patterns.matches("refs/tags/*", "refs/tags/v1")
	not patterns.matches("refs/tags/*", "refs/tags/v1/x")
	patterns.matches("https://github.com/acme/**", "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main")
	not patterns.matches("https://github.com/acme/**", "https://github.com/acme-evil/app")
	not patterns.matches("acme/*", "evil/acme/app")
}

test_any if {
	patterns.any_matches(["x", "a*"], "ab")
	not patterns.any_matches([], "ab")
}

test_what_is_not_there_differs if {
	patterns.differing({"a": "1", "b": "2*", "c": "3"}, {"a": "1", "b": "21"}) == {"c"}
	patterns.differing({"a": "1"}, {"a": "2"}) == {"a"}
	count(patterns.differing({}, {})) == 0
}
