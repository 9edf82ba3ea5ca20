# The entry points. CI calls the same ones.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CLUSTER ?= embedded

.PHONY: up down status check fmt test test-full unit generate requirements bench-autoscaler load clean help
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "make: python3 cannot make virtual environments; remedy: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing Python packages into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

up: $(VENV)/.ready ## bring up a cluster with the platform running on it (CLUSTER=kind for kind)
	@$(BIN)/python -m devcluster quickstart --cluster $(CLUSTER) $(if $(TIMINGS),--timings $(TIMINGS))

down: $(VENV)/.ready ## remove it again, leaving nothing behind
	@$(BIN)/python -m devcluster down --cluster $(CLUSTER)

status: $(VENV)/.ready ## what runs, and how it is
	@$(BIN)/python -m devcluster status

fmt: $(VENV)/.ready ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix-only --quiet .

check: $(VENV)/.ready ## format, lint, types, layers, generated files, chart (about a minute)
	@$(BIN)/python -m tests.check

unit: $(VENV)/.ready ## tests that need nothing but Python
	@$(BIN)/pytest tests/unit

test: $(VENV)/.ready ## check, then every test down to the real cluster
	@$(BIN)/python -m tests.run

test-full: $(VENV)/.ready ## the same and soaks, repeats, long matrices
	@$(BIN)/python -m tests.run --full

generate: $(VENV)/.ready ## write the generated files: CRD, references, chart README, goldens, figures
	@$(BIN)/python -m ip2a_operator.api.generate && $(BIN)/python -m charts.generate && $(BIN)/python -m bench.figures

requirements: $(VENV)/.ready ## pin the dependencies of pyproject.toml anew
	@for extra in operator app devcluster bench dev; do $(BIN)/uv pip compile -q pyproject.toml --extra $$extra --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/$$extra.txt || exit 1; done

bench-autoscaler: $(VENV)/.ready ## simulate the autoscaler against its rivals: KIND=smoke (under a minute), headline (half an hour at most), full
	@PYTHONPATH=operator/src:. $(BIN)/python -m bench.autoscaler.matrix $(or $(KIND),smoke)

load: $(VENV)/.ready ## USERS people at once (10000) for SECONDS (60): TARGET=app (its services started here) or TARGET=ingress (of make up)
	@$(BIN)/python -m bench $(if $(filter ingress,$(TARGET)),ingress,load) --users $(or $(USERS),10000) --seconds $(or $(SECONDS),60)

clean: ## forget what this checkout made (not the shared cache)
	@rm -rf $(VENV) artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
