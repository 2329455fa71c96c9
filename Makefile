# Everything works from a bare clone with Python 3.11, venv, make and git.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
DATA ?= tieline-data
PORT ?= 8400

.PHONY: install demo test lint types imports scripts licenses collected unit sbom pictures bench fuzz soak format clean

install: .venv/installed-dev

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) install --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(PIP) install --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: .venv/installed
	$(BIN)/tieline demo --data $(DATA) --port $(PORT)

# The checks that run nothing of Tieline wait for disk and network by turns.
test: install
	$(MAKE) --jobs 2 --output-sync lint types imports scripts licenses collected
	$(MAKE) unit

lint: install
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports --no-cache

# The types of the pages' own scripts, where Node is there (development only; users need none).
scripts:
	@if command -v npm >/dev/null && command -v node >/dev/null; then .ci/check-scripts; \
	else echo "skipped: the checks of the pages' scripts (no Node here)"; fi

# What a user's installation consists of (CycloneDX), from an environment that holds nothing else.
sbom: dist/sbom.cdx.json

dist/sbom.cdx.json: pyproject.toml constraints.txt | install
	$(PYTHON) -m venv --clear .venv/users
	.venv/users/bin/pip --disable-pip-version-check --quiet install --constraint constraints.txt .
	mkdir -p dist
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file $@ .venv/users/bin/python
	rm -rf .venv/users

licenses: sbom
	$(BIN)/python .ci/check-licenses dist/sbom.cdx.json

# The tests compiled once, for all the workers that are to collect them.
collected: export PYTHONDONTWRITEBYTECODE =
collected: install
	-@$(BIN)/pytest -n0 --collect-only --quiet >/dev/null

# Most of the time a test waits for other processes, so there are more workers than processors; tests/conftest.py says who begins with what. The
# processes that they start find bytecode, as installed ones do, also where the environment asks for none.
WORKERS ?= 4
unit: export PYTHONDONTWRITEBYTECODE =
unit: install
	TMPDIR=$$(.ci/memory) $(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

# The pictures of the documentation, taken anew while the story of the operator's guide is told; needs Chromium.
pictures: install
	TIELINE_PICTURES=docs/images $(BIN)/pytest -n0 tests/system/test_guide.py -k operator

bench: install
	$(BIN)/python -m bench

# A million damaged DNP3 fragments and as many frames: about three minutes. A million GOOSE frames: about five.
fuzz: install
	$(BIN)/python -m bench.dnp3_fuzz
	$(BIN)/python -m bench.goose_fuzz
	$(BIN)/python -m bench.snmp_fuzz

# Random faults on a whole utility of real processes for so many minutes: nothing may be lost or doubled. The seed is printed.
MINUTES ?= 10
soak: install
	$(BIN)/python -m tests.resilience.run --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

format: install
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
