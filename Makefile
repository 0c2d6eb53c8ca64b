# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
# The verbs of the project. `make demo` and `make test` need Python 3.10+ and a C++17 compiler, nothing else.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
BIN := $(VENV)/bin
NATIVE_SOURCES := $(shell find runtime -name '*.cc' -o -name '*.h' -o -name '*.inc' -o -name 'CMakeLists.txt' -o -name '*.cmake')
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup native harnesses android-base demo packages test test-native test-neon test-python lint format types docs clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

setup: native harnesses  ## virtual environment, packages, native builds

$(VENV)/.installed: pyproject.toml setup.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "mdeploy needs Python 3.10 or newer; name one with make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'setuptools>=77' 'cmake>=3.22' ninja
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[dev]'
	touch $@ $(VENV)/.native

$(VENV)/.native: $(VENV)/.installed $(NATIVE_SOURCES)
	$(BIN)/python setup.py --quiet build_ext --inplace
	touch $@

native: $(VENV)/.native  ## the runtime's shared library and the host harness

harnesses: $(VENV)/.native  ## the static harness for each Android ABI (minutes the first time, then cached)
	$(BIN)/python -m mdeploy.deployment.package.cross

android-base: $(VENV)/.native  ## the app's compiled base, from which `mdeploy package` makes an APK (needs apt and Maven)
	$(BIN)/python -m mdeploy.deployment.package.android_base

demo: setup      ## the main job on the bundled checkpoint
	$(BIN)/mdeploy demo

test: packages setup test-native test-python  ## every test

packages:        ## Debian packages that the tests use, where they may be installed
	.ci/debian-packages

test-native: $(VENV)/.installed  ## C++ tests under address and undefined-behaviour sanitizers (needs GoogleTest)
	cmake -S runtime -B build/sanitize -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMDEPLOY_TESTS=ON -DMDEPLOY_SANITIZE=ON
	cmake --build build/sanitize --parallel $(JOBS)
	ctest --test-dir build/sanitize --output-on-failure

test-neon: $(VENV)/.installed  ## C++ tests of the NEON kernels, built by zig, under qemu (needs libgtest-dev, qemu-user-static)
	cmake -S runtime -B build/neon -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/zig-arm64.cmake -DMDEPLOY_TESTS=ON -DMDEPLOY_SHARED=OFF -DMDEPLOY_HARNESS=OFF
	cmake --build build/neon --parallel $(JOBS)
	ctest --test-dir build/neon --parallel $(JOBS) --output-on-failure

test-python: setup  ## pytest
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(VENV)/.installed  ## ruff
	ruff check .
	ruff format --check .

format: $(VENV)/.installed  ## let ruff write
	ruff check --fix .
	ruff format .

types: $(VENV)/.installed  ## mypy, strict
	mypy

docs: $(VENV)/.native  ## generated pages of docs/; ARGS="--runs --long" for those that take longer
	$(BIN)/python -m tools.docs $(ARGS)

clean:           ## remove builds, keep the environment
	rm -rf build dist *.egg-info toolkit/mdeploy/_native
	rm -f $(VENV)/.native
