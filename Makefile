# Everything runs in its own environment: .venv, made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: all test test-attack test-wheel clean

all: $(VENV)/.ready
	$(BIN)/python -m spacy project run all

test: $(VENV)/.ready
	$(BIN)/python -m pytest

# Threads, killed runs, damaged files and hostile servers, with fixed seeds.
test-attack: $(VENV)/.ready
	$(BIN)/python -m pytest -m attack

# The same tests against the installed wheel instead of the source tree.
test-wheel: $(VENV)/.ready
	$(BIN)/python scripts/test_wheel.py

$(VENV)/.ready: setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar off -c constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --progress-bar off -c constraints.txt -e ".[llm,report,test]"
	touch $@

clean:
	rm -rf $(VENV) corpus data training packages results metrics project.lock
