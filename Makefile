# Two commands on a fresh machine with python3 (3.11 or newer) and nothing else:
#   make demo   set up and run the main job
#   make test   set up and pass the tests
# Both make their own environment in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test docs site accuracy models reports bench clean

demo: $(VENV)/.installed
	$(BIN)/bitnet-cost estimate gpt3-175b
	@echo "The command: source $(BIN)/activate, then bitnet-cost. What to read: docs/index.md" >&2

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m scripts.write_docs --check
	$(BIN)/python -m scripts.calibrate --check
	$(BIN)/pytest -q -n 2

# Everything that is generated from the code: samples and tables of the pages, JSON Schemas, rendered studies.
docs: $(VENV)/.dev
	$(BIN)/python -m scripts.write_docs

# The documentation as a site that loads nothing from elsewhere.
site: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Constants from measured rows, then the errors on the others; refuses where a class has become worse.
accuracy: $(VENV)/.dev
	$(BIN)/python -m scripts.calibrate
	$(BIN)/python -m scripts.write_accuracy
	$(BIN)/python -m scripts.write_docs

models: $(VENV)/.dev
	$(BIN)/python scripts/import_models.py

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

$(VENV)/.dev: $(VENV)/.installed pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
