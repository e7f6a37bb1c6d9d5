package lib.sboms_test

import data.lib.sboms

spdx := {"spdxVersion": "SPDX-2.3", "packages": [
	{"name": "openssl", "versionInfo": "3.0.1", "externalRefs": [
		{"referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a"},
		{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/openssl@3.0.1"},
	]},
	{"name": "bare"},
]}

test_spdx if {
	sboms.packages(spdx) == [
		{"name": "openssl", "version": "3.0.1", "purl": "pkg:deb/debian/openssl@3.0.1"},
		{"name": "bare", "version": null, "purl": null},
	]
	sboms.packages({"Data": spdx, "Timestamp": "x"}) == sboms.packages(spdx)
}

test_spdx_3 if {
	sboms.packages({"@graph": [
		{"type": "software_Package", "name": "zlib", "software_packageVersion": "1.3", "software_packageUrl": "pkg:generic/zlib@1.3"},
		{"type": "Person", "name": "zlib's"},
	]}) == [{"name": "zlib", "version": "1.3", "purl": "pkg:generic/zlib@1.3"}]
}

test_cyclonedx if {
	sboms.packages({"bomFormat": "CycloneDX", "components": [{"name": "left-pad", "version": "1.3.0", "purl": "pkg:npm/left-pad@1.3.0"}]}) == [{
		"name": "left-pad",
		"version": "1.3.0",
		"purl": "pkg:npm/left-pad@1.3.0",
	}]
}

test_components_within_components_are_found if {
	inner := {"name": "c", "components": [{"name": "d", "licenses": [{"name": "MIT"}]}]}
	found := sboms.packages({"components": [{"name": "a"}, {"name": "b", "properties": [{"name": "p", "value": "x"}], "components": [inner]}]})
	{entry.name | some entry in found} == {"a", "b", "c", "d"}
}

test_an_empty_list_is_read if sboms.packages({"packages": []}) == []

test_what_is_no_document_is_undefined if {
	every predicate in [{"packages": [{"name": 1}]}, {"components": [{"version": "1"}]}, "SPDXVersion: SPDX-2.3", {}, {"packages": "all"}, null, []] {
		not sboms.packages(predicate)
	}
}

test_purl if {
	sboms.purl("pkg:npm/%40angular/core@1.0.0?x=y#z") == {"kind": "npm", "path": "pkg:npm/@angular/core"}
	sboms.purl("pkg:deb/debian/openssl?arch=amd64") == {"kind": "deb", "path": "pkg:deb/debian/openssl"}
	sboms.purl(null).kind == null
	sboms.purl("openssl").kind == null
}
