# What people and CI call. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The parts of `test` share a target folder, and each uses every core by itself.
.NOTPARALLEL:

# The same place as tests/cluster uses.
CACHE := $(HOME)/.cache/plumbline
TEST_THREADS := $(shell expr 2 \* $$(nproc))
DENY_VERSION := 0.20.2
DENY_FOLDER := $(CACHE)/cargo-deny-$(DENY_VERSION)
DENY := $(DENY_FOLDER)/bin/cargo-deny

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: tools lint deny cluster-test suite ## Everything that must hold before a change is merged; the first run takes about ten minutes on two cores
	@echo "make test: all passed"

.PHONY: demo
demo: ## A validation's life on a real API server, in about a minute
	@tests/demo/run

.PHONY: build
build: ## The release binary, target/release/plumbline
	cargo build --release --locked

.PHONY: bench
bench: cluster-programs services ## What a check, a run, a rollback and a fleet cost, in half an hour: docs/benchmarks.md; BENCH=cost measures that alone
	cargo bench --locked --bench measure -- $(BENCH)

.PHONY: bench-kinds
bench-kinds: services ## What a check of each kind costs beside a bare client, in a minute: docs/benchmarks.md
	cargo bench --locked --bench kinds

.PHONY: fmt
fmt: ## Formats the sources
	cargo fmt
	cd tests/cluster && gofmt -w .

.PHONY: lint
lint: ## Formatting and lints
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings

.PHONY: crds
crds: ## Writes crds/ anew from the Rust types
	cargo run --quiet --locked -- crd --output crds

.PHONY: services
services:
	@.ci/services

.PHONY: suite
suite: cluster-programs services ## The Rust tests; most of them wait for something, so that more run at one time than there are cores
	cargo test --locked -- --test-threads=$(TEST_THREADS)

.PHONY: test-faults
test-faults: cluster-programs services ## Kills the controller at every mutation that it sends, in about 20 minutes; `make test` runs a sample
	PLUMBLINE_CRASHES=$(or $(CRASHES),all) cargo test --locked --test suite -- --nocapture crashes::a_controller

.PHONY: deny
deny: $(DENY) ## Licenses, banned crates and sources of the dependencies
	$(DENY) --locked check licenses bans sources

# Only parsing and comparing: a build without optimisation takes a third of the time.
$(DENY):
	@echo "building cargo-deny $(DENY_VERSION), once: about a minute"
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
		cargo install cargo-deny --version $(DENY_VERSION) --locked --no-default-features --root $(DENY_FOLDER)

.PHONY: tools
tools:
	@.ci/tools

.PHONY: cluster-programs
cluster-programs:
	@cd tests/cluster && go run . build >/dev/null

.PHONY: cluster-test
cluster-test: cluster-programs ## The tests of the local control plane's own programs
	cd tests/cluster && test -z "$$(gofmt -l . | tee /dev/stderr)" && go vet ./... && go test ./...
	cd tests/cluster/readers && go vet ./... && go test -count=1 ./...

.PHONY: cluster
cluster: ## Starts a local control plane for trying things out
	@cd tests/cluster && kubeconfig=$$(go run . start) && programs=$$(go run . build) && \
		printf 'export KUBECONFIG=%s\nexport PATH=%s:$$PATH\n' "$$kubeconfig" "$$programs"

.PHONY: cluster-stop
cluster-stop: ## Ends it and removes its data
	@cd tests/cluster && go run . stop

.PHONY: clean-cache
clean-cache: cluster-stop ## Removes the built programs of the control plane and cargo-deny
	rm -rf $(CACHE)
