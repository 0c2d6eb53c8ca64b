# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Builds the native benchmark programs, once for each state of their sources (CMake sees to that)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

__all__ = ["CACHE", "build"]

CACHE = Path.home() / ".cache" / "mdeploy" / "benchmarks"
"""Where benchmarks keep what they build and convert."""


def build(program: str) -> Path:
    """The built program's path. Raises ``SystemExit`` with the compiler's words where it does not build."""
    source = Path(__file__).resolve().parent
    # One for each checkout: CMake refuses the build directory of another.
    directory = CACHE / f"build-{hashlib.sha256(str(source).encode()).hexdigest()[:12]}"
    for command in (
        ["cmake", "-S", str(source), "-B", str(directory), "-G", "Ninja"],
        ["cmake", "--build", str(directory), "--target", program],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return directory / program
