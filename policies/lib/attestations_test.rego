package lib.attestations_test

import data.lib.attestations

image := {
	"reference": {"digest": "sha256:i"},
	"platforms": [{"digest": "sha256:a"}, {"digest": "sha256:b"}],
	"attestations": [
		{"signer": "ci", "predicateType": "https://spdx.dev/Document", "subject": "sha256:a"},
		{"signer": "dev", "predicateType": "https://slsa.dev/provenance/v1", "subject": "sha256:i"},
	],
}

test_by_signer_and_type if {
	count(attestations.by(["ci"], ["https://spdx.dev/**"], image)) == 1
	count(attestations.by(["dev"], ["https://spdx.dev/**"], image)) == 0
	count(attestations.by([], ["**"], image)) == 0
	count(attestations.by(null, ["https://**"], image)) == 2
}

test_cover if {
	attestations.cover([{"subject": "sha256:i"}], image)
	attestations.cover([{"subject": "sha256:a"}, {"subject": "sha256:b"}], image)
	not attestations.cover([{"subject": "sha256:a"}], image)
	not attestations.cover([], image)
	not attestations.cover([], {"reference": {"digest": "sha256:i"}, "platforms": []})
}
