# make search    install into .venv and find a network: the main job
# make quick     lint, types and the tests that need no torch and no other processes: at every change
# make core      build what changed of the core, and its tests; TESTS=tests/core/test_front.py: these
# make test      everything that CI runs
# make times     the tests, with what took longest; tests/long.txt, which `make quick` leaves out
# make sanitize  the tests of the core and the solvers under address and undefined-behaviour checks
# make minimum   the tests with the lowest versions that pyproject.toml admits
# make fuzz      damaged files for every reader; FUZZ="front 1e6 3": one, how many, a seed
# make docs      the documentation, into build/docs: its notebooks run, warnings are errors
# make links     the links of the documentation to elsewhere, which needs a network
# make bench     benchmarks/RESULTS.md; DATA=folder adds what needs the measured data
# make release   dist/: the source distribution, and a wheel of it tried out in a new environment for
#                each interpreter: PYTHONS="python3.11 python3.12 python3.13"
# make clean     remove all that these made
# Each sets up its own environment. PYTHON=python3.12 chooses the interpreter; FLASH_DEBUG=1 and the
# other switches of setup.py build the core anew as they say. The explorer's tests drive a Chromium:
# Debian's is installed where there is none and you may (root, or sudo without a password);
# FLASH_BROWSER=path names another.

PYTHON ?= python3
PYTHONS ?= $(PYTHON)
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
DATA ?=
JOBS ?= auto
TESTS ?= tests/core
FUZZ ?=
UNIT ?=
SOLVING ?= tests/core tests/problem tests/solving tests/codesign tests/fronts

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := search
# Without its bytecode cache flash would be compiled anew at every start.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: search quick core times test lint types mypy stubs pyright unit wheel sanitize minimum fuzz docs links bench clean
.PHONY: unit-quick switches browser release

BIN := $(VENV)/bin
# What there is of it; a recipe's, since one may just have been installed.
BROWSER = $${FLASH_BROWSER:-$$(command -v chromium chromium-browser google-chrome | head -n 1 || true)}
CORE := $(shell find flash/_core -name "*.p[xy][xd]" -o -name "*.[hc]")
STUBBED := $(subst /,.,$(basename $(shell find flash/_core -name "*.pyi")))
SWITCHES := $(foreach s,DEBUG SANITIZE COVERAGE NATIVE,$(s)=$(FLASH_$(s)))
TESTING := $(VENV)/.installed-test $(VENV)/.core
# The workers share the processors: with threads of its own each would wait for the others'.
ALONE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
PYTEST := python -m pytest -n $(JOBS) --maxprocesses 8 --dist worksteal
# Bytecode is written by what imports a module: compiling all of torch takes a minute.
PIP := $(BIN)/python -m pip install --quiet --no-compile

search: $(VENV)/.installed $(VENV)/.core
	$(BIN)/flash search densenet rram --max-latency-ms 4 --max-energy-mj 0.04 --max-area-mm2 70

quick:
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint mypy stubs unit-quick

core: $(TESTING)
	$(ALONE) $(BIN)/$(PYTEST) -m "not slow" $(TESTS)

# The checks of types run on one processor each: beside the tests they leave none idle. The wheel runs
# tests/installed.
test:
	@$(MAKE) --no-print-directory --jobs 2 \
	  lint unit mypy stubs pyright wheel UNIT="--ignore=tests/installed"

lint: $(TESTING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/cython-lint --no-pycodestyle flash/_core
	$(BIN)/python tools/check_layers.py

types: mypy stubs pyright

mypy: $(TESTING)
	$(BIN)/mypy

stubs: $(TESTING)
	$(BIN)/stubtest --mypy-config-file pyproject.toml $(STUBBED)

pyright: $(TESTING)
	$(BIN)/pyright --project . --pythonpath $(abspath $(BIN))/python

# With FLASH_BROWSER set, a test that finds no browser fails.
unit: $(TESTING) browser
	FLASH_BROWSER="$(BROWSER)" $(ALONE) $(BIN)/$(PYTEST) $(UNIT)

unit-quick: $(TESTING)
	$(ALONE) $(BIN)/$(PYTEST) -m "not slow and not long and not torch and not processes"

times: $(TESTING) browser
	FLASH_BROWSER="$(BROWSER)" $(ALONE) $(BIN)/$(PYTEST) -p tools.times --write-long

# What only a wheel can show: the sdist builds and holds the tests, the wheel made from it holds the
# whole package and runs with nothing but what it depends on, away from the source tree. Since flash/
# in the sdist is that of the tree, file by file, what the tree's build compiled of the core is taken,
# but for one module, which is compiled anew. What the tests need beyond the wheel is borrowed from
# the environment of the others (not flash, which is there by a .pth file: those count in a venv's own
# folder alone), but for what builds the example plugin: a venv's own setuptools comes before the
# borrowed one.
wheel: $(TESTING)
	@dir=$$(mktemp -d)
	trap 'rm -rf "$$dir"' EXIT
	$(BIN)/python -m build --sdist --outdir "$$dir/dist" .
	mkdir -p "$$dir/src/build"
	tar -xzf "$$dir"/dist/*.tar.gz -C "$$dir/src" --strip-components=1
	diff -r -x __pycache__ -x '*.so' -x native.txt flash "$$dir/src/flash"
	cp -a build/core-* build/cython-* "$$dir/src/build"
	find "$$dir/src/build" -name 'joint.*' -delete
	$(BIN)/python -m build --wheel --no-isolation --outdir "$$dir/dist" "$$dir/src"
	$(BIN)/python -m venv "$$dir/venv"
	"$$dir/venv/bin/python" -m pip install --quiet --no-compile "$$dir"/dist/*.whl
	site() { "$$1" -c 'import sysconfig; print(sysconfig.get_path("platlib"))'; }
	files() { (cd "$$1" && find flash -regex '.*\.\(py\|pyi\|json\|typed\|css\|js\)' | sort); }
	own=$$(site "$$dir/venv/bin/python")
	diff <(files "$$dir/src") <(files "$$own")
	rm -r "$$dir/src/flash"
	borrowed=$$(site "$(abspath $(BIN))/python")
	cd "$$dir/src"
	"$$dir/venv/bin/flash" search densenet rram --max-latency-ms 4 --max-area-mm2 70
	"$$dir/venv/bin/python" -m pip install --quiet "setuptools>=77.0.3"
	echo "$$borrowed" > "$$own/borrowed.pth"
	"$$dir/venv/bin/python" -m pytest --collect-only --quiet --quiet > collected || { cat collected; exit 1; }
	$(ALONE) "$$dir"/venv/bin/$(PYTEST) tests/installed

# A copy of the tree below build/, less what was built: what is built there spoils nothing here.
define copy
	mkdir -p $(1)
	find $(1) -mindepth 1 -maxdepth 1 ! -name build ! -name '.venv*' -exec rm -rf {} +
	tar -c --exclude=./build --exclude='./.[!cg]*' --exclude=./.git --exclude='*.so' \
	  --exclude=__pycache__ . | tar -x -C $(1)
endef

sanitize: $(TESTING)
	@$(call copy,build/sanitize)
	cd build/sanitize
	export PYTHONPATH=$$PWD
	FLASH_SANITIZE=1 $(abspath $(BIN))/python setup.py --quiet build_ext --inplace
	export LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)"
	export PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	# Under gcc 12's undefined-behaviour checks the AVX-512 sieve counts wrongly, though they report
	# nothing; with the address checks alone, and without any, it equals its twin.
	if grep -q avx512bw /proc/cpuinfo 2> /dev/null; then export FLASH_SIMD=avx2; fi
	$(ALONE) $(abspath $(BIN))/$(PYTEST) -m "not slow and not torch" $(SOLVING)

minimum:
	@$(call copy,build/minimum)
	cd build/minimum
	$(PYTHON) tools/minimum.py test > minimum.txt
	cmp --silent minimum.txt .venv-minimum/minimum.txt || rm -rf .venv-minimum
	PIP_CONSTRAINT=$$PWD/minimum.txt $(MAKE) unit VENV=.venv-minimum
	cp minimum.txt .venv-minimum

fuzz: $(TESTING)
	cd tests && $(abspath $(BIN))/python -m twins.fuzz $(FUZZ)

docs: $(VENV)/.installed-docs $(VENV)/.core
	$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs build/docs
	echo "build/docs/index.html"

links: $(VENV)/.installed-docs $(VENV)/.core
	$(BIN)/python -m sphinx --keep-going --quiet -b linkcheck -D nb_execution_mode=off docs build/links

bench: $(VENV)/.installed-bench $(VENV)/.core
	$(BIN)/python -m benchmarks.report $(if $(DATA),--data "$(DATA)")

release: $(TESTING)
	$(BIN)/python tools/release.py $(PYTHONS)

clean:
	rm -rf .venv* build dist flash_nas.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find flash/_core \( -name "*.so" -o -name "*.pyd" \) -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

browser:
	@if [ -z "$(BROWSER)" ] && command -v apt-get > /dev/null; then
	  root() { if [ "$$(id -u)" = 0 ]; then "$$@"; else sudo -n "$$@"; fi; }
	  if root true 2> /dev/null; then
	    echo "installing Debian's chromium, for the tests of the explorer"
	    { root apt-get -qq update && root env DEBIAN_FRONTEND=noninteractive \
	      apt-get -qq install -y --no-install-recommends chromium > /dev/null; } || true
	  fi
	fi
	if [ -z "$(BROWSER)" ]; then
	  echo "no Chromium here: install one (on Debian, apt-get install chromium) or name it by" \
	    "FLASH_BROWSER=path; until then the tests that drive one are skipped" >&2
	fi

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "flash needs Python 3.11 or later: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv "$(VENV)"
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' > "$(VENV)/build.txt"
	$(PIP) --requirement "$(VENV)/build.txt"
	touch $@

# Other switches than those of the last build are a reason to build.
$(VENV)/.switches: switches | $(VENV)/.python
	@echo "$(SWITCHES)" | cmp --silent - $@ || echo "$(SWITCHES)" > $@

$(VENV)/.core: setup.py $(CORE) $(VENV)/.switches | $(VENV)/.python
	$(BIN)/python setup.py --quiet build_ext --inplace
	touch $@

# What flash needs is installed while the core is built; flash itself after it, which finds it so.
$(VENV)/.packages: Makefile pyproject.toml tools/packages.py | $(VENV)/.python
	$(BIN)/python tools/packages.py > "$(VENV)/packages.txt"
	$(PIP) --requirement "$(VENV)/packages.txt"
	touch $@

.PRECIOUS: $(VENV)/.packages-%
$(VENV)/.packages-%: Makefile pyproject.toml tools/packages.py | $(VENV)/.python
	$(BIN)/python tools/packages.py $* > "$(VENV)/packages-$*.txt"
	$(PIP) --requirement "$(VENV)/packages-$*.txt"
	touch $@

$(VENV)/.installed: $(VENV)/.packages flash/_version.py | $(VENV)/.core
	$(PIP) --no-build-isolation --no-deps --editable .
	touch $@

$(VENV)/.installed-%: $(VENV)/.packages-% flash/_version.py | $(VENV)/.core
	$(PIP) --no-build-isolation --no-deps --editable .
	touch $@
