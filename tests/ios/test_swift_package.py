# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Package.swift beside the tree that it describes."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Package.swift").read_text(encoding="utf-8")


def test_what_swiftpm_would_compile_is_left_out() -> None:
    """SwiftPM takes an .inc for a source of its own; those that are included are not."""
    left_out = re.findall(r'"(src/[^"]+\.inc)"', TEXT)
    assert left_out == sorted(
        path.relative_to(ROOT / "runtime").as_posix() for path in ROOT.glob("runtime/src/**/*.inc")
    )
    assert not list(ROOT.glob("runtime/harness/src/**/*.inc"))


def test_one_main_function() -> None:
    mains = [
        path for path in ROOT.glob("runtime/harness/src/**/*.cc") if re.search(r"^int main\(", path.read_text(), re.M)
    ]
    assert [f'"{path.relative_to(ROOT / "runtime/harness").as_posix()}"' in TEXT for path in mains] == [True]


def test_folders_are_there() -> None:
    folders = re.findall(r'path: "([^"]+)"', TEXT)
    assert folders
    assert all((ROOT / folder).is_dir() for folder in folders)
    known = {(ROOT / folder).name for folder in folders}
    assert {path.name for path in (ROOT / "ios_harness" / "Sources").iterdir()} <= known


def test_no_flags_that_forbid_a_dependency() -> None:
    """A package with unsafe flags cannot be a dependency of another."""
    assert "unsafeFlags" not in TEXT
