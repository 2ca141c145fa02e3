# Everything a person or CI runs. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := bash
JOBS := $(shell nproc)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: ## the Debian packages that are missing
	@test/cluster/install.sh

.PHONY: build-tests
build-tests: install ## the tests, in build/release
	cmake --preset release
	ninja -j$(JOBS) -C build/release

.PHONY: test
test: build-tests ## all tests
	ctest --test-dir build/release --output-on-failure --no-tests=error

.PHONY: test-asan test-tsan
test-asan test-tsan: test-%: install ## the tests under ASan and UBSan, or under TSan
	cmake --preset $*
	ninja -j$(JOBS) -C build/$*
	ctest --test-dir build/$* --output-on-failure --no-tests=error

.PHONY: lint
lint: install ## formatting and scripts
	git ls-files '*.h' '*.cpp' | xargs clang-format-16 --dry-run -Werror
	git ls-files '*.sh' .ci/run | xargs shellcheck --external-sources

.PHONY: clean
clean: ## removes build/
	rm -rf build
