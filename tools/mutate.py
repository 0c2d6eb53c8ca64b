# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Breaks one line after the other in a copy of the tree and says whether a test notices.

``python -m tools.mutate [--match TEXT]``: exit code 1 where a broken line stays unnoticed, or where a line
of ``tools/mutants.py`` is no longer in its file. Only the tests that are named beside a line are run, one after the
other in this Python. A line of C++ is compiled into the copy's own library.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parent.parent
_TEST_SECONDS = 1800
_NO_TESTS = 5


def copy_tree(folder: Path) -> None:
    """Copy what git knows, as it is now, and the native library."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listing.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(ROOT / "toolkit" / "mdeploy" / "_native", folder / "toolkit" / "mdeploy" / "_native")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)  # some tests ask git where they are


def judge(folder: Path, mutant: Mutant) -> str:
    """``noticed``, ``unnoticed``, ``stale`` or what else came of one line."""
    path = folder / mutant.file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = text.splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if line.strip() == mutant.line]
    if len(places) != 1:
        return f"stale: {len(places)} such lines"
    (place,) = places
    lines[place] = lines[place].replace(mutant.line, mutant.replacement)
    path.write_text("".join(lines), encoding="utf-8")
    try:
        if mutant.file.startswith("runtime/") and not _rebuild(folder):
            return "does not compile"
        return _run(folder, mutant.tests)
    finally:
        path.write_text(text, encoding="utf-8")


def _environment(folder: Path) -> dict[str, str]:
    paths = os.pathsep.join(str(folder / part) for part in ("toolkit", "training"))
    return {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}


def _rebuild(folder: Path) -> bool:
    # Broken builds do not belong into the user's cache.
    environment = {**_environment(folder), "XDG_CACHE_HOME": str(folder / ".cache")}
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False).returncode == 0


def _run(folder: Path, tests: tuple[str, ...]) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=_environment(folder),
            capture_output=True,
            text=True,
            timeout=_TEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "noticed: the tests do not end"
    if done.returncode == 0:
        return "unnoticed"
    if done.returncode < 0:
        return f"noticed: the tests are ended by signal {-done.returncode}"
    last = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode == _NO_TESTS or not last:
        return f"no verdict: pytest ended with {done.returncode}"
    return f"noticed by {last[0].split(' - ')[0].split(' ', 1)[1]}"


def main() -> int:
    """Judge every line that matches; print one line each and the count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--match", default="", help="only lines whose file has this in its name")
    parser.add_argument("--unbroken", action="store_true", help="run the same tests without breaking anything")
    options = parser.parse_args()
    wanted = [mutant for mutant in MUTANTS if options.match in mutant.file]
    verdicts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mdeploy-mutants-") as name:
        folder = Path(name)
        copy_tree(folder)
        if options.unbroken:
            tests = sorted({test for mutant in wanted for test in mutant.tests})
            print(f"{' '.join(tests)}: {_run(folder, tuple(tests))}")
            return 0
        for mutant in wanted:
            start = time.monotonic()
            verdicts.append(judge(folder, mutant))
            print(f"{mutant.file}: {mutant.line}\n    {verdicts[-1]} ({time.monotonic() - start:.0f} s)", flush=True)
    noticed = sum(verdict.startswith("noticed") for verdict in verdicts)
    print(f"{noticed} of {len(verdicts)} broken lines are noticed")
    return 0 if noticed == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
