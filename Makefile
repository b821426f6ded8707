# One door for every command; `.ci/run` and the README call these targets.
# Everything is installed inside .venv; the packages are pinned by hash in requirements/.

SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
UV    := UV_CACHE_DIR=$(CURDIR)/$(VENV)/uv-cache $(BIN)/uv
ARGS  ?=

.PHONY: demo run twin slurm-lab test check fix bench lock translations api clean help
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/uv:
	python3 -m venv $(VENV)
	$(BIN)/python -m pip --quiet --disable-pip-version-check install "$$(grep -oE '^uv==[^ ]+' requirements/dev.lock)"

$(VENV)/.hub: requirements/hub.lock pyproject.toml | $(BIN)/uv
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/hub.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.twin: requirements/twin.lock $(VENV)/.hub
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/twin.lock
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.hub
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
	@touch $@

demo: $(VENV)/.hub ## a whole programme, from the call to the closed month (ARGS=--serve to look at it, ARGS=--slurm: its jobs on a real Slurm)
	$(BIN)/dure demo $(ARGS)

run: $(VENV)/.hub ## serve the portal on what the demo left
	$(BIN)/dure demo --serve-only

twin: $(VENV)/.twin ## play a small pool for four weeks under seven policies (ARGS=SCENARIO); the report lies in .demo/twin
	$(BIN)/dure twin compare $(or $(ARGS),small-pool) --out .demo/twin

slurm-lab: $(VENV)/.hub ## a real Slurm of 8 nodes x 8 on this machine, in .lab (ARGS=--help)
	$(BIN)/dure lab up .lab --install $(ARGS)

test: $(VENV)/.dev ## every test tier, on SQLite and PostgreSQL, with a real browser
	$(BIN)/python tests/run.py $(ARGS)

check: $(VENV)/.dev ## lint, format, types, import contracts
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.dev ## let ruff mend what it can
	$(BIN)/ruff check --fix src tests
	$(BIN)/ruff format src tests

bench: bench-assignment bench-scores bench-account bench-take-back bench-pages bench-rounds bench-twin bench-slurm-lab bench-slurm-take-back bench-slurm-binding bench-slurm-count ## the side-by-side figures under bench/

bench-%: $(VENV)/.dev ## one of them: bench-rounds, bench-assignment, bench-scores, bench-pages, bench-take-back, bench-account, bench-twin, bench-slurm-lab, bench-slurm-take-back, bench-slurm-binding, bench-slurm-count
	@$(BIN)/python -m bench.$(subst -,_,$*)

lock: $(BIN)/uv ## pin the dependencies anew, with hashes and without a registry's name
	$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --group build pyproject.toml -o requirements/agent.lock
	$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --extra hub --group build pyproject.toml -o requirements/hub.lock
	$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --extra hub --extra twin --group build pyproject.toml -o requirements/twin.lock
	$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --extra hub --extra twin --group build --group dev pyproject.toml -o requirements/dev.lock
	$(UV) pip compile -q --generate-hashes --python-version 3.11 --no-header --no-annotate requirements/peers.in -o requirements/peers.lock

translations: $(VENV)/.hub ## gather the sentences of code and pages, compile the translated ones (needs gettext)
	cd src/dure && DURE_HOME=$(CURDIR)/.dure DJANGO_SETTINGS_MODULE=dure.hub.settings $(CURDIR)/$(BIN)/django-admin makemessages -l ko -l en --no-location --no-obsolete
	cd src/dure/hub && DURE_HOME=$(CURDIR)/.dure DJANGO_SETTINGS_MODULE=dure.hub.settings $(CURDIR)/$(BIN)/django-admin compilemessages

api: $(VENV)/.hub ## write the OpenAPI document
	$(BIN)/dure hub openapi > api/hub.json

clean: ## remove what the targets made
	test ! -e .lab/lab.json || $(BIN)/dure lab down .lab
	rm -rf $(VENV) .demo .lab .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
