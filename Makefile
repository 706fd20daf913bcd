# make demo              sign in on an emulated WSL machine and use the token (Python, venv, util-linux, a C compiler)
# make demo RUNTIME=real the same on Microsoft's own runtime (its system packages are installed when run as root)
# make test              everything but the largest matrices
# make test-full         those too
# make az                an Azure CLI of its own with the extension installed: .az/az (az-oldest: .az/oldest/az)
# make lint wheel clean
# make bench             measures us beside our peers, and writes benchmarks/RESULTS.md (a quick look: ROUNDS=2 ONLY="imports")
# make lint-az           azdev's style and linter on the extension, as az's reviewers run them (a part of make test-full)

PYTHON ?= python3
RUNTIME ?= double
AZ_VERSION ?= 2.91.0
AZ_OLDEST := 2.87.0
AZDEV_VERSION := 0.2.13
ROUNDS ?= 20
ONLY ?=
PYTEST_ARGS ?=
# Installing is a matter of several minutes, and of several processes.
MAKEFLAGS += --jobs=3
# Most of a test is waiting for a machine; the tests of one module share theirs.
PYTEST = $(BIN)/python -m pytest -q -n 4 --dist loadscope

VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find azext_brokerauth -name '*.py' -o -name '*.json') setup.py README.md HISTORY.rst
WHEEL := dist/brokerauth.whl

.PHONY: setup demo system system-for-tests containers-for-tests test test-full bench lint lint-az unit emulated az az-oldest wheel clean

setup: $(BIN)/.demo

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(BIN)/.demo: setup.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cli,sdk]' azure-mgmt-resource-subscriptions
	touch $@

$(BIN)/.tests: setup.py requirements-test.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cli,sdk]' -r requirements-test.txt
	touch $@ $(BIN)/.demo

# What only the largest matrices need: real clients of others, in part large ones.
$(BIN)/.full: $(BIN)/.tests requirements-test-full.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test-full.txt
	touch $@

# Microsoft's runtime loads only with these system libraries, and needs a session bus with a keyring.
system:
	sh testbed/install-system-packages

# What tests need besides: a browser, the programs that check deploy/, the shells that complete, and what asks us for
# tokens. Of that, what is there in another version too, or would start a service, is unpacked beside the system.
system-for-tests: system
	sh testbed/install-system-packages chromium-driver cloud-init curl debootstrap git jq zsh fish skopeo \
		postgresql-client unixodbc
	sh testbed/unpack-packages .tools kubernetes-client docker-registry \
		postgresql-$$(psql --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')

# Podman, which make test-full runs.
containers-for-tests: system-for-tests
	sh testbed/unpack-packages .tools podman conmon crun libyajl2 libsubid4

ifeq ($(RUNTIME),real)
demo: system
endif
demo: setup
	$(BIN)/python -m testbed.demo --runtime $(RUNTIME)

lint: $(BIN)/.tests
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/vulture
	$(BIN)/lint-imports

unit: $(BIN)/.tests
	$(BIN)/python -m pytest -q tests/unit $(PYTEST_ARGS)

test: lint system-for-tests az az-oldest
	$(PYTEST) tests $(PYTEST_ARGS)

test-full: lint lint-az system-for-tests containers-for-tests az az-oldest $(BIN)/.full
	$(PYTEST) tests --full $(PYTEST_ARGS)

az: .az/.$(AZ_VERSION)
az-oldest: .az/oldest/.$(AZ_OLDEST)

# az looks an extension up by its folder's name, and pip names it after the wheel: one install, replaced as a whole.
define install_az
	test -x $(1)/venv/bin/python || $(PYTHON) -m venv $(1)/venv
	$(1)/venv/bin/python -m pip install --quiet --disable-pip-version-check azure-cli==$(2)
	install -m 755 testbed/az-launcher $(1)/az
	rm -rf $(1)/cliextensions/brokerauth
	$(1)/az extension add --yes --only-show-errors --source $$(ls -t dist/brokerauth-*.whl | head -1)
	touch $@
endef

.az/.$(AZ_VERSION): $(WHEEL) testbed/az-launcher
	$(call install_az,.az,$(AZ_VERSION))

.az/oldest/.$(AZ_OLDEST): $(WHEEL) testbed/az-launcher
	$(call install_az,.az/oldest,$(AZ_OLDEST))

# azdev takes az from .az, and brings what it checks with.
.az/azdev/.$(AZDEV_VERSION):
	test -x .az/azdev/venv/bin/python || $(PYTHON) -m venv .az/azdev/venv
	.az/azdev/venv/bin/python -m pip install --quiet --disable-pip-version-check azdev==$(AZDEV_VERSION)
	touch $@

lint-az: az .az/azdev/.$(AZDEV_VERSION)
	.ci/lint-az .az/venv/bin/python .az/cliextensions .az/azdev

# What is measured is the wheel, as a user has it, and what a program that uses a peer has.
.bench/.peers: benchmarks/requirements-peers.txt
	test -x .bench/peers/bin/python || $(PYTHON) -m venv .bench/peers
	.bench/peers/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

.bench/.ours: $(WHEEL) benchmarks/requirements-peers.txt
	test -x .bench/ours/bin/python || $(PYTHON) -m venv .bench/ours
	.bench/ours/bin/python -m pip uninstall --quiet --yes brokerauth
	.bench/ours/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint benchmarks/requirements-peers.txt "$$(ls -t dist/brokerauth-*.whl | head -1)[cli,sdk]"
	touch $@

bench: system az .bench/.peers .bench/.ours
	.bench/peers/bin/python -m benchmarks --rounds $(ROUNDS) $(ONLY)

wheel: $(WHEEL)

$(WHEEL): $(SOURCES) | $(BIN)/python
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	ln -sf $$(basename $$(ls dist/brokerauth-*.whl)) $@

clean:
	rm -rf $(VENV) .az .bench .tools build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
