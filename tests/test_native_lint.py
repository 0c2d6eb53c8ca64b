# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""tools/native_lint.py finds what it is there for."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest
from tools import native_lint as native_lint_module

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def lint() -> ModuleType:
    for tool in ("clang-format", "clang-tidy"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    return native_lint_module


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    for name in (".clang-format", ".clang-tidy"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path / "planted.cc"


def test_every_source_is_formatted(lint: ModuleType) -> None:
    names = lint.sources()
    assert len(names) > 150
    assert lint.badly_formatted(names) == []


def test_a_planted_line_out_of_format_is_found(lint: ModuleType, planted: Path) -> None:
    planted.write_text("int f() { return 1; }\n")
    assert lint.badly_formatted([str(planted)]) == []
    planted.write_text("int f()\n{   return 1; }\n")
    assert lint.badly_formatted([str(planted)])


@pytest.mark.parametrize(
    ("text", "check"),
    [
        (
            "struct A { virtual ~A() = default; virtual void f(); };\nstruct B : A { virtual void f(); };\n",
            "use-override",
        ),
        ("double f(int a, int b) { double c = a / b; return c; }\n", "integer-division"),
        ("int* f() { return 0; }\n", "use-nullptr"),
    ],
)
def test_a_planted_mistake_is_found(lint: ModuleType, planted: Path, text: str, check: str) -> None:
    planted.write_text("int f() { return 1; }\n")
    assert lint.tidy(str(planted)) == ""
    planted.write_text(text)
    assert check in lint.tidy(str(planted))
