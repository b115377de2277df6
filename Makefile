# The two commands a newcomer needs: `make run` and `make test`. Both set the environment up first.
PYTHON ?= python3
UV_VERSION = 0.13.9
BIN = .venv/bin
INSTALLED = .venv/.installed
WORKERS ?= 2

.PHONY: run test bench lock step docs clean

run: $(INSTALLED)  ## seed the demo data, run every notebook that needs it, publish the report site
	@$(BIN)/workbench demo
	@$(BIN)/workbench nightly
	@$(BIN)/workbench report path

test: $(INSTALLED)  ## everything that can fail
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

bench: $(INSTALLED)  ## the promised figures, printed beside their targets
	@for script in tests/benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: $(INSTALLED)  ## write the generated reference pages
	$(BIN)/python docs/generate.py

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Creating .venv failed; on Debian: apt-get install python3-venv"; rm -rf .venv; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@echo "Installing the locked packages into .venv"
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

step: $(INSTALLED)  ## add the CAD kernel for STEP files (about 380 MB) to .venv
	$(BIN)/uv pip install --quiet --require-hashes --python $(BIN)/python --requirement requirements-step.lock

lock: $(INSTALLED)  ## rewrite the lock from pyproject.toml; holds hashes and no address
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --generate-hashes \
		--no-emit-index-url --no-header --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra step --generate-hashes \
		--no-emit-index-url --no-header --constraint requirements.lock --output-file requirements-step.lock pyproject.toml

clean:  ## remove the environment; the store, runs and site under var/ stay
	rm -rf .venv build .pytest_cache .ruff_cache
