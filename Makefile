# Two commands on a fresh machine with python3 (3.11 or newer) and nothing else:
#   make demo   set up and run the main job
#   make test   set up and pass the tests
# Both make their own environment in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := pytest -q -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test types generated docs site constants accuracy models reports lock lowest newest dist bench clean

demo: $(VENV)/.installed
	$(BIN)/bitnet-cost estimate gpt3-175b
	@echo "The command: source $(BIN)/activate, then bitnet-cost. What to read: docs/index.md" >&2

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory --jobs 2 types generated
	$(BIN)/$(PYTEST)

types: $(VENV)/.dev
	$(BIN)/mypy

# Whether samples, tables, schemas and reports are what the code prints.
generated: $(VENV)/.dev
	$(BIN)/python -m scripts.write_docs --check

# Everything that is generated from the code: samples and tables of the pages, JSON Schemas, rendered studies.
docs: $(VENV)/.dev
	$(BIN)/python -m scripts.write_docs

# The documentation as a site that loads nothing from elsewhere.
site: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Whether the constants are what the rows make of them: minutes of solving, so by hand.
constants: $(VENV)/.dev
	$(BIN)/python -m scripts.calibrate --check

# Constants from measured rows, then the errors on the others; refuses where a class has become worse.
accuracy: $(VENV)/.dev
	$(BIN)/python -m scripts.calibrate
	$(BIN)/python -m scripts.write_accuracy
	$(BIN)/python -m scripts.write_docs

models: $(VENV)/.dev
	$(BIN)/python scripts/import_models.py

# The test environment with every version and hash, for Python 3.11 to 3.14 and any platform. Needs uv.
lock:
	uv pip compile --no-config --upgrade --universal --python-version 3.11 --generate-hashes --extra dev \
		--custom-compile-command 'make lock' --output-file requirements-dev.lock --quiet pyproject.toml

# The tests with the lowest versions that pyproject.toml declares, whose own deprecations are no fault of ours. Needs uv.
lowest:
	uv venv --quiet --no-config --clear --python $(PYTHON) .venv-lowest
	uv pip install --quiet --no-config --python .venv-lowest --resolution lowest-direct --editable '.[dev,hub]'
	.venv-lowest/bin/python -m $(PYTEST) -W ignore::DeprecationWarning -W ignore::FutureWarning --ignore tests/browser

# The tests with the newest versions of everything: what the lock will hold next.
newest:
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	.venv-newest/bin/python -m $(PYTEST) --ignore tests/browser

# What goes to the package index, checked: sdist, wheel from it.
dist: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.estimate

$(VENV)/.venv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bitnet-cost needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	$(BIN)/python -m compileall -q bitnet_cost
	touch $@

# As locked, so that a checkout passes as long as its packages are there; `make newest` finds what has changed since.
$(VENV)/.dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	touch $@

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
