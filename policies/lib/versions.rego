# METADATA
# title: Ranges of versions
# description: >-
#   Compares versions as https://semver.org does, and says when they can't be compared: versions of distributions (deb, rpm, apk) and those of
#   other than three numbers mean other things by their signs. A range is comparators that all hold (`>=1.2.0 <1.4.3`), or several such,
#   any one of which is enough (`<1.0.0 || =2.0.1`).
package lib.versions

# Whether a range can be read at all.
readable(range) if {
	is_string(range)
	every alternative in split(range, "||") {
		count(comparators(alternative)) > 0
		every comparator in comparators(alternative) {
			semver.is_valid(padded(comparator.version))
		}
	}
}

# Whether a version, of a kind of package (`npm`, by its purl; null where that is not known), lies in a range: yes, no, or unknown.
in_range(range, version, kind) := "yes" if {
	some alternative in split(range, "||")
	every comparator in comparators(alternative) {
		holds(comparator, version, kind)
	}
} else := "no" if {
	comparable(version, kind)
} else := "unknown"

comparators(alternative) := [{"operator": parts[1], "version": parts[2]} |
	some word in split(trim_space(alternative), " ")
	word != ""
	parts := regex.find_all_string_submatch_n(`^(<=|>=|!=|=|<|>|)([^<>=!]*)$`, word, 1)[0]
]

holds(comparator, version, _) if {
	comparator.operator in {"", "="}
	comparator.version == version
}

holds(comparator, version, kind) if {
	comparable(version, kind)
	satisfied(comparator.operator, semver.compare(padded(version), padded(comparator.version)))
}

satisfied("", 0)

satisfied("=", 0)

satisfied("!=", order) if order != 0

satisfied("<", -1)

satisfied(">", 1)

satisfied("<=", order) if order <= 0

satisfied(">=", order) if order >= 0

# Kinds of packages that are versioned as semver.org says.
kinds := {"npm", "golang", "cargo", "nuget", "pub", "hex", "swift", "composer"}

comparable(version, kind) if {
	kind in kinds
	semver.is_valid(padded(version))
}

# Three numbers mean the same everywhere, but for distributions, which mend without a new one.
comparable(version, kind) if {
	not kind in {"deb", "rpm", "apk", "alpm"}
	regex.match(`^v?[0-9]+(\.[0-9]+){0,2}$`, version)
	semver.is_valid(padded(version))
}

padded(version) := sprintf("%s.0.0", [version]) if {
	regex.match(`^v?[0-9]+$`, version)
} else := sprintf("%s.0", [version]) if {
	regex.match(`^v?[0-9]+\.[0-9]+$`, version)
} else := version
