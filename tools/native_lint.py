# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The C++ half of `make lint`: every source is formatted as .clang-format says, and .clang-tidy's checks hold.

python tools/native_lint.py [--write]

clang-tidy takes a second a file; build/lint remembers by their content which files have passed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PASSED = ROOT / "build" / "lint"
SUFFIXES = (".c", ".cc", ".h")  # .inc files are lists and parts of functions, laid out by hand
TIDY = ("runtime/src", "runtime/harness/src")
FLAGS = ("-std=c++17", "-Iruntime/include", "-Iruntime/src", "-Iruntime/harness/include", "-Iruntime/harness/src")


def sources() -> list[str]:
    """Every C and C++ source that git tracks."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listing.splitlines() if name.endswith(SUFFIXES) and (ROOT / name).is_file()]


def badly_formatted(names: list[str], write: bool = False) -> list[str]:
    """The lines that clang-format says about ``names``; with ``write`` it writes instead."""
    command = ["clang-format", *(["-i"] if write else ["--dry-run", "-Werror"]), *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [line for line in done.stderr.splitlines() if ": error:" in line]


def tidy(name: str) -> str:
    """What clang-tidy finds in one file; empty for nothing."""
    command = ["clang-tidy", "--quiet", name, "--", *FLAGS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode else ""


def untidy(names: list[str]) -> list[str]:
    """What clang-tidy finds, file by file; files that passed before as they are now are left out."""
    headers = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for name in sources():
        if name.endswith(".h"):
            headers.update((ROOT / name).read_bytes())
    places = {
        name: PASSED / hashlib.sha256(headers.digest() + (ROOT / name).read_bytes()).hexdigest() for name in names
    }
    waiting = [name for name in names if not places[name].exists()]
    PASSED.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(waiting, pool.map(tidy, waiting), strict=True))
    for name, text in found.items():
        if not text:
            places[name].touch()
    return [text for text in found.values() if text]


def main() -> int:
    missing = [tool for tool in ("clang-format", "clang-tidy") if shutil.which(tool) is None]
    if missing:
        print(f"C++ is not checked without {' and '.join(missing)}: pip install -e '.[dev]'", file=sys.stderr)
        return 1 if os.environ.get("MDEPLOY_NO_SKIP") else 0
    names = sources()
    if "--write" in sys.argv[1:]:
        badly_formatted(names, write=True)
        return 0
    found = badly_formatted(names) + untidy([n for n in names if n.endswith(".cc") and n.startswith(TIDY)])
    print("\n".join(found) if found else f"{len(names)} C and C++ files are formatted and tidy")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
