# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
# The verbs of the project. `make demo` and `make test` need Python 3.10+ and a C++17 compiler, nothing else.

PYTHON ?= python3
VENV ?= .venv
START := $(shell date +%s)
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
# Where torch is taken from, if not from PyPI, such as PyTorch's own index for the CPU: make demo TORCH_INDEX=URL
TORCH_INDEX ?=
export TORCH_INDEX
export PACKAGES
BIN := $(VENV)/bin
NATIVE_SOURCES := $(shell find runtime -name '*.cc' -o -name '*.h' -o -name '*.inc' -o -name 'CMakeLists.txt' -o -name '*.cmake')
export PATH := $(abspath $(BIN)):$(PATH)

# Without bytecode for what is never imported: a third of pip's time. In a pipe it says each large download in a line.
PIP_INSTALL := PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --disable-pip-version-check --no-compile
SAY_DOWNLOADS := { grep --line-buffered -oE 'Downloading [^ ]+ \([0-9.]+ MB\)|Installing collected packages' || true; }
SHELL := bash
.SHELLFLAGS := -o pipefail -c

# A compiler cache, where one is installed. What counts is what the files have in them, not where they lie or when they were
# installed: the same sources in another checkout, by another copy of the same zig, are the same to it.
ifneq ($(shell command -v ccache),)
export CMAKE_CXX_COMPILER_LAUNCHER := ccache
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
export CCACHE_COMPILERCHECK := content
endif

.DEFAULT_GOAL := help
.PHONY: help setup environment native harnesses android-base demo packages test test-quick test-native test-neon \
	test-python test-swift lint format types docs wheels clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

setup: environment harnesses  ## virtual environment with what tests need, native builds

# Downloads wait for the network and compilers for the processor: both at once.
environment:
	+@$(MAKE) --no-print-directory -j2 $(VENV)/.installed $(VENV)/.native

$(VENV)/.tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "mdeploy needs Python 3.10 or newer; name one with make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --quiet 'setuptools>=77' 'cmake>=3.22' ninja
	@touch $@

# What the main job needs; .installed has what the tests need beside it.
$(VENV)/.base: pyproject.toml setup.py | $(VENV)/.tools
	@$(BIN)/python .ci/say_sizes.py base
	$(if $(TORCH_INDEX),$(PIP_INSTALL) torch torchvision --index-url $(TORCH_INDEX) | $(SAY_DOWNLOADS))
	$(PIP_INSTALL) --no-build-isolation -e '.[convert,cross]' | $(SAY_DOWNLOADS)
	@touch $@

$(VENV)/.installed: $(VENV)/.base
	@$(BIN)/python .ci/say_sizes.py dev
	$(PIP_INSTALL) --no-build-isolation -e '.[dev]' | $(SAY_DOWNLOADS)
	@touch $@

$(VENV)/.native: $(NATIVE_SOURCES) | $(VENV)/.tools
	$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

native: $(VENV)/.native  ## the runtime's shared library and the host harness

harnesses: environment  ## the static harness for each Android ABI (minutes the first time, then cached)
	$(BIN)/python -m mdeploy.deployment.package.cross

android-base: environment  ## the app's compiled base, from which `mdeploy package` makes an APK (needs apt and Maven)
	$(BIN)/python -m mdeploy.deployment.package.android_base

demo:            ## the main job on the bundled checkpoint, with what it needs and no more
	+@$(MAKE) --no-print-directory -j2 $(VENV)/.base $(VENV)/.native
	$(BIN)/mdeploy demo
	@echo && echo "mdeploy is in $(BIN): . $(BIN)/activate"

test: packages setup test-native test-python  ## every test
	@echo "every test: $$(( $$(date +%s) - $(START) )) s"

test-quick: environment  ## the Python tests but for those that take minutes
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'not slow'

packages:        ## Debian packages that the tests use, where they may be installed
	.ci/debian-packages

test-native: $(VENV)/.installed  ## C++ tests under address and undefined-behaviour sanitizers (needs GoogleTest)
	cmake -S runtime -B build/sanitize -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMDEPLOY_TESTS=ON -DMDEPLOY_SANITIZE=ON
	cmake --build build/sanitize --parallel $(JOBS)
	ctest --test-dir build/sanitize --parallel $(JOBS) --output-on-failure

test-neon: $(VENV)/.installed  ## C++ tests of the NEON kernels, built by zig, under qemu (needs libgtest-dev, qemu-user-static)
	cmake -S runtime -B build/neon -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/zig-arm64.cmake -DMDEPLOY_TESTS=ON -DMDEPLOY_SHARED=OFF -DMDEPLOY_HARNESS=OFF
	cmake --build build/neon --parallel $(JOBS)
	ctest --test-dir build/neon --parallel $(JOBS) --output-on-failure

test-swift: environment  ## the Swift package in Debian 13's Swift (0.6 GB of packages, 1.4 GB unpacked, kept; needs Debian)
	$(BIN)/python -m tools.swift test

test-python: setup  ## pytest
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

wheels: environment  ## what is published: the source archive and a wheel for every platform, into dist/
	$(BIN)/python tools/wheels.py $(ARGS)

lint: $(VENV)/.installed  ## ruff, clang-format, clang-tidy
	ruff check .
	ruff format --check .
	$(BIN)/python tools/native_lint.py

format: $(VENV)/.installed  ## let ruff and clang-format write
	ruff check --fix .
	ruff format .
	$(BIN)/python tools/native_lint.py --write

types: $(VENV)/.installed  ## mypy, strict
	mypy

docs: environment  ## generated pages of docs/; ARGS="--runs --long" for those that take longer
	$(BIN)/python -m tools.docs $(ARGS)

clean:           ## remove builds, keep the environment
	rm -rf build dist *.egg-info toolkit/mdeploy/_native
	rm -f $(VENV)/.native
