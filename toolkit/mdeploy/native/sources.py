# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The sources that the native parts are built from, and whether a build in a checkout is of these.

Imports nothing of the toolkit: setup.py, which runs before anything is installed, loads this file by its path.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["RECORD", "digest", "is_current", "source_files"]

RECORD = "sources.sha256"
"""Beside the library in a checkout: the digest of what it was built from."""

_FOLDERS = ("include", "src", "harness/include", "harness/src")
_SUFFIXES = {".cc", ".h", ".inc"}


def source_files(runtime: Path) -> list[Path]:
    """Every source of the runtime and the harness, sorted; tests are none."""
    files = (path for folder in _FOLDERS for path in (runtime / folder).rglob("*"))
    return sorted(path for path in files if path.suffix in _SUFFIXES)


def digest(runtime: Path, start: bytes = b"") -> str:
    """SHA-256 of ``start`` and of every source with its name: some 300 files, tens of milliseconds."""
    found = hashlib.sha256(start)
    for path in source_files(runtime):
        data = path.read_bytes()
        found.update(f"\n{path.relative_to(runtime).as_posix()} {len(data)}\n".encode())
        found.update(data)
    return found.hexdigest()


def is_current(native: Path, runtime: Path) -> bool | None:
    """Whether the build in ``native`` is of the sources in ``runtime``; None where this is no checkout."""
    if not (runtime / "CMakeLists.txt").is_file():
        return None
    record = native / RECORD
    return record.is_file() and record.read_text(encoding="utf-8").strip() == digest(runtime)
