# METADATA
# title: Patterns
# description: >-
#   Texts compared with patterns, always as a whole. In a pattern with a `*` that stays within a part between slashes, and `**` crosses
#   them; a pattern without one is the text itself.
package lib.patterns

matches(pattern, text) if pattern == text

matches(pattern, text) if {
	contains(pattern, "*")
	glob.match(literal(pattern), ["/"], text)
}

# All but stars means itself.
literal(pattern) := strings.replace_n({"?": `\?`, "[": `\[`, "{": `\{`}, pattern)

# Whether one of a list of patterns fits.
any_matches(patterns, text) if {
	some pattern in patterns
	matches(pattern, text)
}

# Members of an object of patterns that the texts lack, or have otherwise.
differing(patterns, texts) := {name |
	some name, pattern in patterns
	not fits(pattern, texts, name)
}

fits(pattern, texts, name) if matches(pattern, texts[name])
