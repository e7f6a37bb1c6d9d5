# `make` alone lists what there is. Needed: Node 20 or newer, npm, and Go for the real tools that the tests run against.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# The project brings its own Node 24, which takes the place of the system's for all that follows.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
installed := node_modules/.installed

.PHONY: help install demo run test check fix bench soak build clean need-node need-go

help: ## list these targets
	@echo 'make TARGET, where TARGET is one of'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(installed) ## install the npm packages, if they are older than package-lock.json

demo: $(installed) need-go ## a story in a minute: Pods that are admitted and Pods that are denied, on a real registry
	@node tools/install.ts opa registry
	@node demo/demo.ts

run: $(installed) need-go ## start the webhook on its embedded defaults
	@node tools/install.ts opa
	@node src/main.ts serve

test: $(installed) need-go ## everything, up to a real kube-apiserver; ends with `N passed, N failed`
	@node test/run.ts

check: $(installed) ## format, lint, types, unused code, cycles, direction of imports
	@node tools/check.ts

fix: $(installed) ## fix what can be fixed by a program
	@biome check --write --colors=off .

bench: $(installed) need-go ## measure one admission beside a webhook that does nothing
	@node tools/install.ts opa registry
	@node bench/bench.ts

soak: $(installed) need-go ## what takes long: repeated kills, very many facts, long fuzzing
	@node tools/install.ts
	@vitest run --config test/soak/vitest.config.ts

build: $(installed) ## bundle the program into dist/
	@node tools/bundle.ts

clean: ## remove what was installed, built and kept here
	rm -rf node_modules dist state coverage

$(installed): package-lock.json | need-node
	@echo 'installing the npm packages'
	@npm ci --no-audit --no-fund --loglevel=error
	@node -e 'process.exit(Number.parseInt(process.versions.node) >= 24 ? 0 : 1)' || { echo 'npm did not install Node 24 (are its install scripts forbidden?): try npm rebuild node' >&2; exit 1; }
	@touch $@

need-node:
	@command -v node >/dev/null && command -v npm >/dev/null || { echo 'Node 20 or newer with npm is needed: https://nodejs.org' >&2; exit 1; }
	@node -e 'process.exit(Number.parseInt(process.versions.node) >= 20 ? 0 : 1)' || { echo "Node 20 or newer is needed, this is $$(node --version): https://nodejs.org" >&2; exit 1; }

need-go:
	@command -v go >/dev/null || { echo 'Go 1.26 or newer is needed to build the real tools (opa, a registry, kube-apiserver, ...): https://go.dev/dl' >&2; exit 1; }
