package lib.versions_test

import data.lib.versions

test_ranges if {
	versions.in_range("<2.0.0", "1.9.9", "npm") == "yes"
	versions.in_range("<2.0.0", "2.0.0", "npm") == "no"
	versions.in_range(">=1.2.0 <1.4.3", "1.4.2", "npm") == "yes"
	versions.in_range(">=1.2.0 <1.4.3", "1.4.3", "npm") == "no"
	versions.in_range(">=1.2.0 <1.4.3", "1.1.0", "npm") == "no"
	versions.in_range("=3.3.6", "3.3.6", "npm") == "yes"
	versions.in_range("3.3.6", "3.3.7", "npm") == "no"
	versions.in_range("=1.2", "1.2.0", "npm") == "yes"
	versions.in_range("1.2", "v1.2.0", "npm") == "yes"
	versions.in_range("!=3.3.6", "3.3.7", "npm") == "yes"
	versions.in_range("<1.0.0 || >=2.0.0 <=2.0.1", "2.0.1", "npm") == "yes"
	versions.in_range("<1.0.0 || >=2.0.0 <=2.0.1", "1.5.0", "npm") == "no"
	versions.in_range(">1", "1.0.1", "npm") == "yes"
}

test_numbers_are_no_texts if versions.in_range("<1.10.0", "1.9.0", "golang") == "yes"

test_prereleases_come_before_where_semver_holds if versions.in_range("<2.0.0", "2.0.0-rc.1", "npm") == "yes"

test_short_versions_are_padded if {
	versions.in_range("<2", "1.5", "pypi") == "yes"
	versions.in_range("<v1.5", "v1.5.0", "golang") == "no"
}

test_what_can_not_be_compared_is_unknown if {
	versions.in_range("<3.0.12", "3.0.11-1~deb12u2", "deb") == "unknown"
	versions.in_range("<3.0.12", "3.0.11", "deb") == "unknown"
	versions.in_range("<2.0.0", "1.0.0-1", null) == "unknown"
	versions.in_range("<2.0.0", "1.0.0rc1", "pypi") == "unknown"
	versions.in_range("<2.0.0", "", "npm") == "unknown"
}

test_the_very_same_text_is_equal_whatever_it_is if versions.in_range("=1:2.3-4", "1:2.3-4", "deb") == "yes"

test_readable if {
	every range in ["<1.0.0", ">=1 <2", "1.2.3", "<1.0.0 || =2.0.0"] {
		versions.readable(range)
	}
	every range in ["", "  ", "<", "latest", "~1.2", "^1.0.0", "<1.0.0 ||", 1, null] {
		not versions.readable(range)
	}
}
