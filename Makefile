# `make` alone lists what there is. Everything runs in .venv, which `make setup` makes.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
RUN := $(BIN)/python
READY := $(VENV)/.ready

# For the demo: a video of your own, and any option of `neudash demo`.
VIDEO ?=
DEMO ?=
# For the tests: any option of pytest, such as ARGS="-k server -x", and how many run at once.
ARGS ?=
TESTS_AT_ONCE ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint check bench page picture lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):[^#]*## */  make \1|/' | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

setup: $(READY) ## make .venv with everything, from the lock file; again only after a change of it
	@$(RUN) -m neudash doctor || echo "setup: .ci/install-system-packages gets what Debian and Ubuntu lack"

# TensorFlow publishes no wheels for a Python newer than the one this refuses.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v <= (3, 13))' || { \
	  echo "setup: $$($(PYTHON) --version 2>&1) cannot run neudash, which needs Python 3.11 to 3.13;" \
	    "name one that you have: make setup PYTHON=python3.12" >&2; exit 1; }
	@echo "setup: $$($(PYTHON) --version), into $(VENV)/ (about 2.6 GB)"
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## package, train, serve, play and report one video: make demo VIDEO=holiday.mp4 DEMO="--seconds 8"
	-@$(RUN) web/build.py
	@$(RUN) -m neudash demo $(if $(VIDEO),"$(VIDEO)") $(DEMO)

test: $(READY) ## all tests, two files at once: make test ARGS="-k server -x"
	@$(RUN) -m pytest -n $(TESTS_AT_ONCE) --dist loadfile $(ARGS)

lint: $(READY) ## format, lint, types and imports, of Python and TypeScript; no tests
	@$(RUN) -m ruff format --check --quiet . || { echo "lint: some files are not formatted; ruff format ." >&2; exit 1; }
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m mypy
	@$(BIN)/lint-imports
	@$(RUN) web/build.py lint

check: lint test ## what CI checks: lint and all tests

page: $(READY) ## build the page of the server into server/page, unless nothing changed
	@$(RUN) web/build.py

bench: $(READY) ## a first measurement: table, and JSON in bench-out/
	@$(RUN) -m bench.first

picture: $(READY) ## draw docs/images/enhanced.png again
	@$(RUN) -m neudash demo --once
	@$(RUN) -m bench.picture

PIN := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
PIN_IMAGE := $(PIN) -c requirements.lock
lock: ## choose versions again for requirements.lock and requirements/ (needs uv)
	$(PIN) pyproject.toml --extra play --extra train --extra export --extra dev -o requirements.lock
	$(PIN_IMAGE) pyproject.toml -o requirements/base.lock
	$(PIN_IMAGE) pyproject.toml --extra train --extra play -o requirements/trainer.lock
	$(PIN_IMAGE) pyproject.toml --extra gpu -o requirements/trainer-gpu.lock
	$(PIN_IMAGE) pyproject.toml --extra play -o requirements/player.lock
	printf 'setuptools>=77\nnodejs-wheel-binaries>=22\n' | $(PIN_IMAGE) - -o requirements/build.lock

clean: ## remove what can be made again: .venv, caches, outputs of demo and bench
	rm -rf $(VENV) demo-out bench-out build dist *.egg-info .*_cache .hypothesis
