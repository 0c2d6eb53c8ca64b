# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A copy of the package's sources that is brought up to date file by file, so that Swift compiles what has changed.

SwiftPM knows a file by its place and date. A fresh checkout has new dates for old contents; the copy keeps the dates of
files whose contents have not changed, and what was built of them, whichever checkout they come from.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
from pathlib import Path

__all__ = ["mirror", "package_files", "refresh"]

_PARTS = (".swift-format", "Package.swift", "ios_harness", "runtime/include", "runtime/src", "runtime/harness")
"""What the Swift package consists of."""


def package_files(checkout: Path) -> list[str]:
    """Every file of the package in a checkout: what git knows, and what it would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_PARTS]
    listed = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout
    names = sorted({name for name in listed.split("\0") if name})
    return [name for name in names if (checkout / name).is_file() and not name.startswith("runtime/harness/tests/")]


def refresh(copy: Path, checkout: Path) -> int:
    """Make ``copy`` hold the package of ``checkout``; returns how many files were written or removed."""
    return mirror(copy, checkout, package_files(checkout))


def mirror(copy: Path, source: Path, names: list[str]) -> int:
    """Make ``copy`` hold the files ``names`` of ``source`` and no others. What is the same already is left alone."""
    changed = 0
    for name in names:
        target = copy / name
        if target.is_file() and filecmp.cmp(target, source / name, shallow=False):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)
        changed += 1
    known = set(names)
    for path in sorted(copy.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(copy).as_posix() not in known:
            path.unlink()
            changed += 1
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return changed
