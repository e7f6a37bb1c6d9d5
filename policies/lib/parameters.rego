# METADATA
# title: Parameters of policies
# description: >-
#   Reads `data.config.POLICY` by what the policy's own METADATA say of it (`custom.parameters`), so that a misspelt name, a wrong type
#   or a missing parameter is a denial that names it, and never silence.
package lib.parameters

# What is wrong with a policy's parameters, as findings. `chain` is `rego.metadata.chain()` of the rule that asks.
findings(chain) := {{"id": "parameter", "remediation": remedy, "msg": text} |
	some text in faults(chain[0].path[1], declared(chain))
}

remedy := "Correct policy.data of the configuration."

# The parameters that METADATA of a package declare.
declared(chain) := [parameter |
	some link in chain
	link.annotations.scope == "package"
	some parameter in link.annotations.custom.parameters
]

# The parameters of a policy, as they are configured.
configured(policy) := data.config[policy] if {
	is_object(data.config[policy])
} else := {}

# One of them, or what holds where it is not configured.
value(policy, name, otherwise) := object.get(configured(policy), name, otherwise)

# A duration in nanoseconds; undefined where it is none.
nanoseconds(text) := ns if {
	is_string(text)
	regex.match(`^([0-9]{1,6}(w|d|h|m|s))+$`, text)
	ns := time.parse_duration_ns(text)
	ns > 0
}

faults(policy, parameters) := {text} if {
	some given in [data.config[policy]]
	not is_object(given)
	names := concat(", ", [parameter.name | some parameter in parameters])
	text := sprintf("data.config.%s is %s, and must be an object with %s", [policy, shown(given), names])
} else := faults_of_members(sprintf("data.config.%s", [policy]), configured(policy), parameters) | {text |
	some parameter in parameters
	parameter.type == "list of objects"
	some text in faults_of_list(sprintf("data.config.%s.%s", [policy, parameter.name]), configured(policy)[parameter.name], parameter.fields)
}

# What is wrong with an object whose members are described by parameters; lists of objects only in so far as they are there.
faults_of_members(path, given, parameters) := (unknown(path, given, parameters) | missing(path, given, parameters)) | {text |
	some parameter in parameters
	some text in [message(path, parameter, given[parameter.name])]
}

unknown(path, given, parameters) := {text |
	names := [parameter.name | some parameter in parameters]
	some name in object.keys(given)
	not name in names
	text := sprintf("%s has no parameter %s; it has %s", [path, shown(name), concat(", ", names)])
}

missing(path, given, parameters) := {text |
	some parameter in parameters
	object.get(parameter, "required", false)
	not parameter.name in object.keys(given)
	text := sprintf("%s.%s is not set, and nothing can be judged without it: %s", [path, parameter.name, phrase(parameter.type)])
}

message(path, parameter, value) := sprintf("%s.%s is %s, and must be %s", [path, parameter.name, shown(value), phrase(parameter.type)]) if {
	parameter.type != "list of objects"
	not fits(parameter.type, value)
}

faults_of_list(path, list, _) := {sprintf("%s is %s, and must be a list of objects", [path, shown(list)])} if not is_array(list)

faults_of_list(path, list, fields) := {text |
	some i, entry in list
	some text in faults_of_entry(sprintf("%s[%d]", [path, i]), entry, fields)
} if {
	is_array(list)
}

faults_of_entry(path, entry, _) := {sprintf("%s is %s, and must be an object", [path, shown(entry)])} if not is_object(entry)

faults_of_entry(path, entry, fields) := faults_of_members(path, entry, fields) if is_object(entry)

fits(type, value) if fits_alone(type, value)

fits(type, value) if {
	startswith(type, "list of ")
	is_array(value)
	every item in value {
		fits_alone(trim_prefix(type, "list of "), item)
	}
}

fits(type, value) if {
	startswith(type, "map from ")
	[from, to] := split(trim_prefix(type, "map from "), " to ")
	is_object(value)
	every key, item in value {
		fits_alone(from, key)
		fits_alone(to, item)
	}
}

fits_alone("text", value) if {
	is_string(value)
	trim_space(value) != ""
}

fits_alone("number", value) if {
	is_number(value)
	value >= 0
	floor(value) == value
}

fits_alone("boolean", value) if is_boolean(value)

fits_alone("duration", value) if nanoseconds(value)

fits_alone("severity", value) if value in severities

fits_alone(type, value) if {
	startswith(type, "one of ")
	value in split(trim_prefix(type, "one of "), ", ")
}

severities := ["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"]

# A type, as people are told of it.
phrase("text") := "a text"

phrase("number") := "a whole number, 0 or more"

phrase("boolean") := "true or false"

phrase("duration") := "a duration such as 168h or 7d"

phrase("severity") := sprintf("one of %s", [concat(", ", severities)])

phrase(type) := sprintf("%s (one of %s)", [with_article(type), concat(", ", severities)]) if {
	not type in {"text", "number", "boolean", "duration", "severity"}
	contains(type, "severity")
} else := sprintf("%s, such as 168h", [with_article(type)]) if {
	not type in {"text", "number", "boolean", "duration", "severity"}
	contains(type, "duration")
} else := with_article(type) if {
	not type in {"text", "number", "boolean", "duration", "severity"}
}

with_article(type) := type if {
	startswith(type, "one of ")
} else := sprintf("a %s", [type])

# A value in a message: not the whole of it where it is long.
shown(value) := text if {
	text := json.marshal(value)
	count(text) <= 60
} else := concat("", [substring(json.marshal(value), 0, 60), "…"])
