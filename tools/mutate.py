# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Breaks one line after the other in a copy of the tree and says whether a test notices.

``python -m tools.mutate [--match TEXT]``: exit code 1 where a broken line stays unnoticed, or where a line of
``tools/mutants.py`` is no longer in its file. Only the tests that are named beside a line are run, first with the line
whole: tests that fail then give no verdict. A line of C++ is compiled into the copy's own library, and into its own
tests with sanitizers where those are named.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.mutants import CTEST, MUTANTS, Mutant

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
    if (whole := _verdict(folder, mutant)) != "unnoticed":
        return f"no verdict, the line being whole: {whole}"
    path.write_text("".join(lines), encoding="utf-8")
    try:
        return _verdict(folder, mutant)
    finally:
        path.write_text(text, encoding="utf-8")


def _verdict(folder: Path, mutant: Mutant) -> str:
    """What the tests of ``mutant`` say of the tree as it is in ``folder``."""
    python = tuple(test for test in mutant.tests if not test.startswith(CTEST))
    if python:
        if mutant.file.startswith("runtime/") and not _rebuild(folder):
            return "does not compile"
        if (said := _run(folder, python)) != "unnoticed":
            return said
    for test in mutant.tests:
        if test.startswith(CTEST) and (said := _run_ctest(folder, test.removeprefix(CTEST))) != "unnoticed":
            return said
    return "unnoticed"


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


def _run_ctest(folder: Path, pattern: str) -> str:
    build = folder / "build" / "sanitize"
    configure = ["cmake", "-S", "runtime", "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
    configure += ["-DMDEPLOY_TESTS=ON", "-DMDEPLOY_SANITIZE=ON"]
    for command in (configure, ["cmake", "--build", build]):
        if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode != 0:
            return "does not compile"
    command = ["ctest", "--test-dir", build, "--no-tests=error", "--output-on-failure", "-R", pattern]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TEST_SECONDS, check=False)
    failed = re.findall(r"Test +#\d+: (\S+) \.+\**(?:Failed|Exception|Subprocess)", done.stdout)
    if done.returncode == 0:
        return "unnoticed"
    return f"noticed by {failed[0]}" if failed else f"no verdict: ctest ended with {done.returncode}"


def main() -> int:
    """Judge every line that matches; print one line each and the count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--match", default="", help="only lines whose file has this in its name")
    options = parser.parse_args()
    wanted = [mutant for mutant in MUTANTS if options.match in mutant.file]
    verdicts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mdeploy-mutants-") as name:
        folder = Path(name)
        copy_tree(folder)
        for mutant in wanted:
            start = time.monotonic()
            verdicts.append(judge(folder, mutant))
            print(f"{mutant.file}: {mutant.line}\n    {verdicts[-1]} ({time.monotonic() - start:.0f} s)", flush=True)
    noticed = sum(verdict.startswith("noticed") for verdict in verdicts)
    print(f"{noticed} of {len(verdicts)} broken lines are noticed")
    return 0 if noticed == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
