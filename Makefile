# Everything that the project does, each with one word. Caches live outside of the repository.
SHELL := /bin/bash
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/modelrollout
VENV  := $(CACHE)/venv-$(shell sha256sum requirements/dev.txt | cut -c1-12)
PY    := $(VENV)/bin/python

.DEFAULT_GOAL := help

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/ready ## Bring up a cluster, install the operator, roll out a real model before your eyes
	@$(PY) -m e2e.demo

demo-down: ## Take the demo's cluster away again
	@python3 -m e2e.cluster down

test: $(VENV)/ready ## Every test: lint and types, unit, machine, component, e2e
	@$(PY) -m tests.run

lint unit machine component servers cluster e2e: $(VENV)/ready ## One kind of test alone; servers runs only so
	@$(PY) -m tests.run $@

bench: $(VENV)/ready ## The figures in benchmarks/: simulated ones, then those on a real cluster
	@$(PY) -m benchmarks.judgement
	@$(PY) -m benchmarks

generate: $(VENV)/ready ## Write again what is generated from the models: the CRD and docs/api.md
	@cd operator && $(PY) -m modelrollout.api.crd && $(PY) -m modelrollout.api.docs

lock: $(VENV)/ready ## Write the lock files again from pyproject.toml
	@$(PY) -m pip install --quiet uv
	@$(LOCK) -o requirements/runtime.txt pyproject.toml
	@$(LOCK) --extra dev -c requirements/runtime.txt -o requirements/dev.txt pyproject.toml
	@for server in requirements/servers/*.in; do $(LOCK) --only-binary :all: -o $${server%.in}.txt $$server; done

LOCK := $(VENV)/bin/uv pip compile -q --custom-compile-command 'make lock' --generate-hashes --no-emit-index-url \
        --universal --no-annotate --python-version 3.11

# A virtual environment of exactly the locked packages; another lock makes another one.
$(VENV)/ready: requirements/dev.txt
	@python3 -c 'import ensurepip, venv' 2>/dev/null || (apt-get update -qq && apt-get install -y -qq python3-venv)
	@echo "installing Python packages (once)"
	@python3 -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: help demo demo-down test lint unit machine component servers cluster e2e bench generate lock
