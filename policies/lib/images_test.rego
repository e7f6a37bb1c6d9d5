package lib.images_test

import data.lib.images

test_names_role_and_container if {
	images.describe({"role": "initContainer", "container": "setup", "written": "busybox"}) == "init container setup, image busybox"
}

test_every_role_has_a_word if {
	some role in ["container", "initContainer", "ephemeralContainer", "imageVolume"]
	images.describe({"role": role, "container": "c", "written": "i"})
}

test_logical_name if {
	images.name({"reference": {"registry": "docker.io", "repository": "library/nginx"}}) == "docker.io/library/nginx"
}

test_no_name_without_a_reference if {
	not images.name({"reference": null})
	not images.readable({"reference": null})
}

test_readable_with_a_reference if images.readable({"reference": {"registry": "docker.io", "repository": "library/nginx"}})

test_registry_covers_what_is_below if images.covers("registry.corp", "registry.corp/acme/app")

test_path_covers_itself if images.covers("registry.corp/acme/app", "registry.corp/acme/app")

test_path_is_cut_at_a_boundary if not images.covers("registry.corp/acme", "registry.corp/acme-evil/app")

test_registry_is_no_prefix_of_another if not images.covers("registry.corp", "registry.corp.evil.example/app")

test_star_stays_within_a_segment if {
	images.covers("registry.corp/*/app", "registry.corp/acme/app")
	not images.covers("registry.corp/*/app", "registry.corp/acme/team/app")
}

test_two_stars_cross_segments if images.covers("registry.corp/**", "registry.corp/acme/team/app")

test_glob_matches_the_whole_name if not images.covers("corp/**", "registry.corp/acme")

test_finding if {
	image := {"role": "container", "container": "web", "written": "nginx"}
	images.finding(image, "x", "why") == {"id": "x", "container": "web", "msg": "container web, image nginx: why"}
}

test_entries_for_an_image if {
	list := [{"images": ["docker.io"], "n": 1}, {"images": ["ghcr.io/**", "docker.io/library/nginx"], "n": 2}, {"images": ["quay.io"], "n": 3}]
	[entry.n | some entry in images.entries_for(list, {"reference": {"registry": "docker.io", "repository": "library/nginx"}})] == [1, 2]
	count(images.entries_for(list, {"reference": null})) == 0
}
