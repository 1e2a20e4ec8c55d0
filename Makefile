# Everything runs in its own environment: .venv, made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Processes of the tests, each with one thread.
JOBS ?= 2

.PHONY: all tour test test-attack test-wheel lint notebooks docs clean

all: $(VENV)/.ready
	$(BIN)/python -m spacy project run all

# A short stretch of each other system, after `make all`.
tour: all
	$(BIN)/python -m spacy project run tour

test: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

# Threads, killed runs, damaged files and hostile servers, with fixed seeds.
test-attack: $(VENV)/.ready
	$(BIN)/python -m pytest -m attack

# Tests against the installed wheel instead of the source tree.
test-wheel: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python scripts/test_wheel.py -n $(JOBS)

# Style, types, spelling, links and examples.
lint: $(VENV)/.ready
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m codespell_lib README.md CHANGELOG.md docs spacy_lowner scripts benchmarks
	$(BIN)/python scripts/check_links.py README.md CHANGELOG.md docs
	$(BIN)/python -m pytest --doctest-modules spacy_lowner -p no:cacheprovider

# Run the notebooks in place.
notebooks: $(VENV)/.ready
	$(BIN)/python scripts/run_notebooks.py notebooks/*.ipynb

# The documentation as a site, in build/site.
docs: $(VENV)/.ready
	$(BIN)/python -m mkdocs build --quiet

$(VENV)/.ready: setup.cfg runtime/setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar off -c constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --progress-bar off -c constraints.txt -e ".[lint,llm,notebooks,report,test]" -e ./runtime
	touch $@

clean:
	rm -rf $(VENV) corpus data training packages results metrics project.lock
