# skorche: one command for each thing one does with it. `make` alone lists them.
# The set-up (a virtual environment in .venv, with the package and its tools) is made once, and again when
# setup.cfg or pyproject.toml change. PYTHON_FOR_VENV=/path/to/python chooses the interpreter.

VENV     := .venv
PYTHON   := $(VENV)/bin/python
STAMP    := $(VENV)/.set-up
PEERS    := .venv-peers
EXAMPLES ?= 20000
MINUTES  ?= 1
ARGS     ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help set-up dot mpi chromium tmux demo test check format-check lint types arrows diagrams-check diagrams bench \
        bench-peers fuzz soak \
        wheel-check clean

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## /\1\t/' | \
	    awk -F '\t' '{ printf "  make %-16s %s\n", $$1, $$2 }'

set-up: $(STAMP) dot  ## make .venv (once) and see that Graphviz is there

# In compat mode the folder is on sys.path, as an installed package is: a finder would slow the start of each worker.
# An editable install holds the folder's path: in a folder that was moved or copied it is made again.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif
ifneq ($(shell cat $(PEERS)/.set-up 2>/dev/null),$(CURDIR))
.PHONY: $(PEERS)/.set-up
endif

$(STAMP): setup.cfg pyproject.toml .ci/venv
	@bash .ci/venv $(VENV)
	@$(PYTHON) -m pip install -qq --editable '.[dev]' --config-settings editable_mode=compat
	@echo '$(CURDIR)' > $@

dot:
	@bash .ci/graphviz

mpi:
	@bash .ci/mpi

chromium:
	@bash .ci/chromium

tmux:
	@bash .ci/tmux

demo: set-up  ## run examples/archive_job.py
	@$(PYTHON) examples/archive_job.py

test: set-up mpi chromium tmux  ## run the tests; ARGS='tests/ops -x' chooses
	@$(PYTHON) -m pytest $(ARGS)

check: format-check lint types arrows diagrams-check  ## format, lint, types, arrows and diagrams

format-check: $(STAMP)
	@$(PYTHON) -m ruff format --check --quiet --diff .

lint: $(STAMP)
	@$(PYTHON) -m ruff check --quiet .

types: $(STAMP)
	@$(PYTHON) -m mypy --no-error-summary

arrows: $(STAMP)
	@told=$$($(PYTHON) $(VENV)/bin/lint-imports --no-logo 2>&1) || { echo "$$told"; exit 1; }

diagrams-check: $(STAMP)
	@$(PYTHON) docs/diagrams.py --check

diagrams: set-up  ## draw graphviz/ anew
	@$(PYTHON) docs/diagrams.py

bench: $(STAMP)  ## run the benchmarks
	@$(PYTHON) -m benchmarks $(ARGS)

bench-peers: $(PEERS)/.set-up  ## measure skorche beside its peers, in a .venv-peers of their own; ARGS='--quick' tries it
	@$(PEERS)/bin/python -m benchmarks.peers $(ARGS)

$(PEERS)/.set-up: setup.cfg pyproject.toml .ci/venv
	@bash .ci/venv $(PEERS)
	@$(PEERS)/bin/python -m pip install -qq --editable '.[peers]' --config-settings editable_mode=compat
	@echo '$(CURDIR)' > $@

fuzz: $(STAMP)  ## try each law on many random graphs; EXAMPLES=20000 says how many
	@EXAMPLES=$(EXAMPLES) $(PYTHON) -m pytest tests/laws --hypothesis-profile=fuzz --timeout=0 $(ARGS)

soak: $(STAMP)  ## run random graphs while workers are killed at random; MINUTES=10, SEED=... RUNS=1 to repeat one
	@PYTHONPATH=.:tests $(PYTHON) -W error -m soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS))

wheel-check: $(STAMP)  ## build a wheel, install it apart and run examples/demo.py with it
	@bash .ci/wheel-check $(PYTHON)

clean:  ## remove what was made, except .venv and .venv-peers
	@rm -rf build dist *.egg-info archive_job_output benchmarks/raw \
	    .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name '.venv*' -prune -o -name .git -prune -o -type d -name __pycache__ -exec rm -rf {} +
