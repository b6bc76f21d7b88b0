# Python 3.11 to 3.13, git and make are all it needs. Override with `make PYTHON=python3.12 …`.
PYTHON ?= python3
# The sandbox's port; `make demo` and `make dev` need the same one.
PORT ?= 8443
# How many histories `make soak` tries on each kind of database.
EXAMPLES ?= 600
# `make bench AGREEMENTS=200 GROUPS="month pace"` tries a part of it, small.
AGREEMENTS ?= 2000
MONTHS ?= 36
GROUPS ?=
# How many tenants `make tenants` deploys, three of them broken.
TENANTS ?= 20
BIN := .venv/bin
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --config-file docs/site/mkdocs.yml
# Where `make demo` leaves what `make dev` shows.
DEMO := $(CURDIR)/.cw_pipeline/demo

# Or each process that imports Dagster compiles it anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo dev test soak tenants bench docs lint hooks lock clean

help: ## This list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/'

# uv installs the rest in seconds where pip would take more than a minute.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: .venv/installed ## The whole job against a local ConnectWise PSA and NordPass, from connect to invoice
	CW_PIPELINE_HOME=$(CURDIR)/.cw_pipeline $(BIN)/cw-pipeline demo --port $(PORT)

dev: .venv/installed ## The Dagster UI at http://localhost:3000, with the sandbox behind it
	@mkdir -p $(DEMO)/dagster && cp dagster.yaml $(DEMO)/dagster/
	CW_PIPELINE_HOME=$(DEMO) DAGSTER_HOME=$(DEMO)/dagster CW_PIPELINE_DATABASE_URL= \
		$(BIN)/cw-pipeline sandbox --port $(PORT) -- $(BIN)/dg dev

# A worker takes whole files, since tests of one share what is expensive; four, since many wait for processes.
test: .venv/installed ## Every test
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

soak: .venv/installed ## Random histories of the whole product, about 10 minutes: EXAMPLES=600 on each database
	SOAK_EXAMPLES=$(EXAMPLES) $(BIN)/pytest cw_pipeline_tests/stateful --hypothesis-profile soak --numprocesses 2

tenants: .venv/installed ## A deployment of 20 tenants whose months are all due, about 4 minutes: TENANTS=20
	TENANTS=$(TENANTS) $(BIN)/pytest cw_pipeline_tests/end_to_end/test_many_tenants.py

bench: .venv/installed ## What the product costs, beside its limits, about 20 minutes: benchmarks/results.md
	$(BIN)/python -m benchmarks --agreements $(AGREEMENTS) --months $(MONTHS) $(GROUPS)

docs: .venv/installed ## The documentation as a site, .site/index.html, its reference renewed from the code
	$(BIN)/python docs/site/generate.py
	$(MKDOCS)

lint: .venv/installed ## The house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python .ci/sizes.py
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(MKDOCS)

hooks: .venv/installed ## Install the git hooks that run the house rules before each commit
	$(BIN)/pre-commit install

lock: .venv/installed ## Renew constraints.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --extra k8s --no-header --no-annotate \
		--output-file constraints.txt pyproject.toml

clean: ## Remove what the commands above made
	rm -rf .venv .cw_pipeline .site .pytest_cache .ruff_cache .hypothesis .import_linter_cache
