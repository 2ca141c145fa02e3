# All commands of this project; `make` alone lists them. CMake builds, with the presets debug, release, asan, tsan.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

JOBS ?= $(shell nproc)
# Tests mostly wait.
TESTS_AT_ONCE ?= $(shell expr $(JOBS) + 2)
# Print more about a finding, and stop the test at the first one.
export ASAN_OPTIONS ?= detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1:second_deadlock_stack=1:suppressions=$(CURDIR)/test/races.txt
export LSAN_OPTIONS ?= suppressions=$(CURDIR)/test/leaks.txt:print_suppressions=0
# A clone in another folder can use what this one has compiled.
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= true

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z0-9 -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9 -]+):.*## (.*)/  make \1\t\2/' | expand -t 28

.PHONY: run
run: build ## build and start everything, send one signed push, stay up until Ctrl-C (KUBECONFIG=… uses that cluster, RUN_SECONDS=… ends it)
# In its own process group: the script handles Ctrl-C, cleans up and exits with 0; make does not see it.
	@PREBUILT=1 exec setpriv --pdeathsig KILL bash -c 'set -m; setpriv --pdeathsig TERM test/cluster/run.py || exit $$?'

.PHONY: test
test: build-tests ## run all tests
	@$(call run_tests,release)

.PHONY: test-asan test-tsan
test-asan test-tsan: test-%: build-% ## run the tests with AddressSanitizer and UBSan, or with ThreadSanitizer
	@$(call run_tests,$*)

.PHONY: build-asan build-tsan
build-asan build-tsan: build-%: install build/%/build.ninja # all of their tests; the fuzzers, too
	@cmake --build build/$* --parallel $(JOBS)

# setarch makes the sanitizers independent of the kernel's address randomization, if it is permitted.
run_tests = export KUBEBUILDER_ASSETS=$$(test/cluster/binaries.sh); \
  $$(setarch --addr-no-randomize true 2>/dev/null && echo setarch --addr-no-randomize) \
  ctest --test-dir build/$(1) --parallel $(TESTS_AT_ONCE) --output-on-failure --no-tests=error $(CTEST_ARGS)

.PHONY: build
build: install build/release/build.ninja ## build build/release/bitbucket-receiver and build/release/receiverctl
	@cmake --build build/release --target bitbucket-receiver --target receiverctl --parallel $(JOBS)

.PHONY: build-tests
build-tests: install build/release/build.ninja ## also build the tests; run them with ctest --test-dir build/release
	@cmake --build build/release --parallel $(JOBS)

.PHONY: build-amd64 build-arm64
build-amd64: build
build-arm64: install ## cross-compile operator and receiverctl for arm64 in build/arm64
	@test/cluster/install.sh arm64
	@config/release/sysroot.sh >/dev/null
	@cmake --preset arm64 -DBUILD_TESTING=OFF >/dev/null
	@cmake --build build/arm64 --target bitbucket-receiver --target receiverctl --parallel $(JOBS)

.PHONY: release
RELEASED_FOR = $(or $(ARCH),amd64 arm64)
release: build $(patsubst %,build-%,$(RELEASED_FOR)) ## build a release in dist/: image, chart, receiverctl (VERSION=…, ARCH=amd64, SBOM=1, COSIGN_KEY=…)
	@test/cluster/install.sh collect image release
	@VERSION='$(VERSION)' ARCH='$(RELEASED_FOR)' SBOM='$(SBOM)' config/release/release.sh

.PHONY: release-test release-push
release-test: ## test the files of dist/ with a local registry, on bare Debian systems, arm64 under qemu; by hand, needs root
	@test/cluster/install.sh cluster release_test
	@test/release/release_test.sh
release-push: ## push image and chart of dist/ to REGISTRY=HOST/PATH
	@test/cluster/install.sh release_push
	@config/release/push.sh

.PHONY: image
image: build ## build the container image build/image/bitbucket-receiver.tar (IMAGE=… names it)
	@test/cluster/install.sh collect image
	@config/image/build.sh

.PHONY: image-test
image-test: image ## check the contents of the image, and that two builds give the same bytes (CCACHE_DISABLE=1 also compiles twice)
	@test/image/contents.sh
	@test/image/authorities.sh
	@test/image/reproducible.sh

.PHONY: dockerfile-test
dockerfile-test: image ## build the whole Dockerfile in a bare Debian and compare with `make image`; takes minutes, needs root
	@test/image/dockerfile.sh

.PHONY: chart-test
chart-test: install ## test the Helm chart with every pair of its main choices, against a real API server
	@test/chart/chart_test.py

.PHONY: network-test
network-test: build ## test the operator in network namespaces with IPv6 only, IPv4 only, both, and with only the API server; needs root
	@test/cluster/install.sh build tests cluster chaos
	@test/network/families.sh
	@cmake --build build/release --target integration --parallel $(JOBS)
	@test/network/questions.sh

.PHONY: alerts-test
alerts-test: ## test the alerts with promtool
	@test/cluster/install.sh alerts
	@test/alerts/coverage.py
	@promtool check rules config/alerts/rules.yaml
	@promtool test rules test/alerts/*_test.yaml

.PHONY: e2e
e2e: $(if $(DIST),,image) build-bitbucket ## test image and chart on a real node, from helm install to helm uninstall (DIST=dist: those of a release, from a registry); needs root
	@test/cluster/install.sh build cluster alerts node image $(if $(DIST),release_test)
	@DIST='$(DIST)' setpriv --pdeathsig TERM test/e2e/run.sh

.PHONY: build-bitbucket
build-bitbucket: install build/release/build.ninja # a pod on the node runs it
	@cmake --build build/release --target strict_bitbucket --parallel $(JOBS)

.PHONY: upgrade-test
upgrade-test: image build-bitbucket ## upgrade from the previous release to this one and back, under traffic, on a real node; builds the previous one; needs root
	@test/cluster/install.sh build cluster node
	@cmake --build build/release --target strict_bitbucket --parallel $(JOBS)
	@setpriv --pdeathsig TERM test/e2e/upgrade.sh

.PHONY: matrix
matrix: build-tests ## run the integration and chart tests against the oldest and the newest supported Kubernetes; takes half an hour
	@test/cluster/matrix.sh

.PHONY: bench
bench: build ## measure the release build against the API server's own speed (QUICK=1: briefly, compared with the committed results)
	@cmake --build build/release --target bench_load --target bench_floor --target bench_micro --parallel $(JOBS)
	@test/bench/run.sh

.PHONY: chaos soak
chaos: build-chaos ## break the API server, the network and the operator under traffic; nothing may be lost (QUICK=1: a selection); needs root
	@setpriv --pdeathsig TERM test/chaos/run.sh
soak: build-chaos ## run mixed traffic and restart the API server every minute, for MINUTES=… (30); needs root
	@SOAK_MINUTES=$(or $(MINUTES),30) setpriv --pdeathsig TERM test/chaos/run.sh '[soak]'

.PHONY: build-chaos
build-chaos: build
	@test/cluster/install.sh build tests cluster chaos
	@cmake --build build/release --target chaos_run --parallel $(JOBS)

.PHONY: fuzz fuzz-coverage
fuzz: build-fuzz ## run each fuzzer from its corpus for SECONDS=… (20); findings stay in build/asan/findings
	@FUZZ_SECONDS=$(or $(SECONDS),20) JOBS=$(JOBS) test/fuzz/fuzz.sh run
fuzz-coverage: build-fuzz ## show which lines of the fuzzed code the corpus reaches
	@test/fuzz/fuzz.sh coverage

.PHONY: build-fuzz
build-fuzz: install build/asan/build.ninja
	@cmake --build build/asan --target fuzz --parallel $(JOBS)

.PHONY: mutation
mutation: install ## show how many small faults in ROOM=pkg/git the tests notice, of COUNT=40 by SEED=1; takes 20 minutes
	@COUNT=$(COUNT) SEED=$(SEED) JOBS=$(JOBS) test/mutation/run.sh $(ROOM)

.PHONY: lint
lint: install ## check formatting, clang-tidy, scripts, workflows, arrows, commit messages, the chart's files, links, words, spelling (ANALYZE=1: also clang-analyzer)
	@test/lint/format.sh
	@test/lint/style.py
	@test/lint/scripts.sh
	@test/lint/arrows.py
	@test/lint/history.py
	@test/lint/chart_files.sh
	@test/lint/chart_readme.py
	@test/lint/links.py
	@test/lint/commands.py
	@test/lint/words.py
	@test/lint/spelling.sh
	@test/lint/workflows.sh
	@cmake --preset lint >/dev/null
	@CHECKS='$(if $(ANALYZE),clang-analyzer-*)' test/lint/clang_tidy.py build/lint/UnifiedSource

.PHONY: format
format: install ## format every C++ file
	@test/lint/format.sh --fix

.PHONY: install
install: ## install missing Debian packages
	@test/cluster/install.sh

.PHONY: control-plane
control-plane: install ## build etcd, kube-apiserver and kubectl for the tests, once; prints their folder
	@test/cluster/binaries.sh

.PHONY: clean
clean: ## delete build/ and dist/
	rm -rf build dist

build/%/build.ninja: CMakePresets.json | install
	@cmake --preset $* >/dev/null && touch $@
