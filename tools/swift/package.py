# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Builds and tests the Swift package of this checkout on Linux."""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mdeploy.errors import CheckFailed
from mdeploy.files import cache_folder
from mdeploy.formats.report import Report
from mdeploy.progress import Tell
from tools.swift.fixtures import ROOT, fixtures
from tools.swift.inside import inside
from tools.swift.root import swift_root
from tools.swift.tree import refresh

__all__ = ["SwiftPackage", "swift_package", "test"]


@dataclass(frozen=True)
class SwiftPackage:
    """The copy of a checkout's package that Swift builds, and where it keeps what it has built."""

    root: Path
    sources: Path
    builds: Path

    def run(
        self, *command: str, folders: dict[str, Path] | None = None, variables: dict[str, str] | None = None
    ) -> int:
        """Run a command on the package; what it says is seen. Returns its exit code."""
        mounted = {"/src": self.sources, "/build": self.builds, **(folders or {})}
        return inside(self.root, command, mounted, variables).returncode

    def swift(self, *words: str, **more: dict[str, Path] | dict[str, str]) -> None:
        """Run ``swift`` with its builds kept. Raises ``CheckFailed`` where it fails."""
        verb, *rest = words
        code = self.run("swift", verb, "--scratch-path", "/build", *rest, **more)  # type: ignore[arg-type]
        if code != 0:
            raise CheckFailed(f"swift {' '.join(words)} failed, exit code {code}")


@contextlib.contextmanager
def swift_package(tell: Tell) -> Iterator[SwiftPackage]:
    """The package of this checkout, brought up to date, for one process at a time."""
    root = swift_root(tell)
    kept = cache_folder("swift")
    for name in ("sources", "builds"):
        (kept / name).mkdir(exist_ok=True)
    with (kept / ".build-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tell(f"Swift: {refresh(kept / 'sources', ROOT)} files are new or changed since the last build")
        yield SwiftPackage(root, kept / "sources", kept / "builds")


def test(tell: Tell) -> None:
    """Lint, build and test, debug and release. Reports that the tests write must be what the schema says.

    Raises ``CheckFailed`` for what does not hold.
    """
    data = fixtures(tell)
    with swift_package(tell) as package, tempfile.TemporaryDirectory() as written:
        shown = Path(written)
        steps = (
            ("format lint", lambda: _lint(package)),
            ("debug build", lambda: package.swift("build")),
            # The tests run what is optimised: kernels that are not would make the nets slow.
            ("release build", lambda: package.swift("build", "--build-tests", *_RELEASE)),
            (
                "tests",
                lambda: package.swift(
                    "test", "--skip-build", *_RELEASE, folders=_data(data, shown), variables=_VARIABLES
                ),
            ),
        )
        for name, step in steps:
            start = time.monotonic()
            tell(f"Swift: {name}")
            step()
            tell(f"Swift: {name}: {time.monotonic() - start:.0f} s")
        reports = sorted(shown.glob("*.json"))
        if not reports:
            raise CheckFailed("the Swift tests wrote no report")
        for report in reports:
            Report.read(report)
        tell(f"Swift: {len(reports)} reports are what the schema says")


_RELEASE = ("-c", "release", "-Xswiftc", "-enable-testing")
_VARIABLES = {"MDEPLOY_TEST_DATA": "/mnt/data", "MDEPLOY_TEST_REPORTS": "/mnt/reports"}


def _data(data: Path, reports: Path) -> dict[str, Path]:
    return {"/mnt/data": data, "/mnt/reports": reports}


def _lint(package: SwiftPackage) -> None:
    code = package.run("swift", "format", "lint", "--strict", "--recursive", "Package.swift", "ios_harness")
    if code != 0:
        raise CheckFailed(f"swift format lint found something, exit code {code}")
