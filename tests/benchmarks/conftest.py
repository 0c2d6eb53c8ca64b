# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks directory is no package: its modules are imported as its programs import them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch, repository: Path) -> Callable[[str], ModuleType]:
    """Imports a module of the benchmarks directory."""
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    return importlib.import_module
