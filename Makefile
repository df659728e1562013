# make search   install into .venv and find a network: the main job
# make test     everything that CI runs
# make bench    benchmarks/RESULTS.md; DATA=folder adds what needs the measured data
# make clean    remove all that these made
# Each sets up its own environment. PYTHON=python3.12 chooses the interpreter.

PYTHON ?= python3
VENV ?= .venv
DATA ?=

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := search
# Without its bytecode cache flash would be compiled anew at every start.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: search test lint types unit wheel bench clean

BIN := $(VENV)/bin
# What the installed package depends on beyond its Python files, which are used in place.
BUILT_FROM := Makefile pyproject.toml setup.py flash/_version.py \
  $(shell find flash/_core -name "*.p[xy][xd]" -o -name "*.[hc]")
STUBBED := $(subst /,.,$(basename $(shell find flash/_core -name "*.pyi")))

search: $(VENV)/.installed
	$(BIN)/flash search densenet rram --max-latency-ms 4 --max-energy-mj 0.04 --max-area-mm2 70

test: lint types unit wheel

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/cython-lint --no-pycodestyle flash/_core

types: $(VENV)/.installed-test
	$(BIN)/mypy
	$(if $(STUBBED),$(BIN)/stubtest --mypy-config-file pyproject.toml $(STUBBED))

unit: $(VENV)/.installed-test
	$(BIN)/python -m pytest

# The sdist, the wheel built from it, and the tests in a new environment without the source tree.
wheel: $(VENV)/.installed-test
	@dir=$$(mktemp -d)
	trap 'rm -rf "$$dir"' EXIT
	$(BIN)/python -m build --outdir "$$dir/dist" .
	$(BIN)/python -m venv "$$dir/venv"
	wheel=$$(ls "$$dir"/dist/*.whl)
	"$$dir/venv/bin/python" -m pip install --quiet "$$wheel[test]"
	mkdir "$$dir/src"
	tar -xzf "$$dir"/dist/*.tar.gz -C "$$dir/src" --strip-components=1
	rm -r "$$dir/src/flash"
	cd "$$dir/src"
	"$$dir/venv/bin/python" -m pytest

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.report $(if $(DATA),--data "$(DATA)")

clean:
	rm -rf "$(VENV)" build dist flash_nas.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find flash/_core \( -name "*.so" -o -name "*.pyd" \) -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "flash needs Python 3.11 or later: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv "$(VENV)"
	touch $@

# pip builds the core in a clean environment of its own, in place (editable).
$(VENV)/.installed: $(BUILT_FROM) | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-%: $(BUILT_FROM) | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@
