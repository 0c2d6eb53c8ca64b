# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What every test may use: where things are, and the rule about skipping."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    # What tests measure does not belong into the user's history.
    os.environ["MDEPLOY_DB"] = str(Path(tempfile.mkdtemp(prefix="mdeploy-tests-")) / "history.db")
    # What golden cases reach takes as long to measure as the rest of a conversion, and tests convert by the hundred: it
    # is measured by the tests that are about it.
    os.environ.setdefault("MDEPLOY_COVERAGE", "0")
    # Nor does the width of the terminal that the tests are started from decide how what they read is laid out.
    os.environ.pop("COLUMNS", None)
    # Converters of gigabytes that lie in the user's cache would make every test with all runtimes slow: those backends
    # are looked for in this environment alone, and in the others by the tests that are about them.
    from mdeploy.backends.table import CONVERTED, info_of

    for name in CONVERTED:
        if info_of(name).heavy:
            os.environ.setdefault(f"MDEPLOY_{name.upper()}_PYTHON", sys.executable)
    # Two workers on two cores: more threads in each only get in each other's way.
    if os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With MDEPLOY_NO_SKIP, as in CI, a test that skips fails: what it needs should have been installed.

    A reason that starts with "not applicable" is a real one (an instruction set that this CPU does not have).
    """
    report = yield
    if report.skipped and os.environ.get("MDEPLOY_NO_SKIP") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "not applicable" not in reason:
            report.outcome = "failed"
            report.longrepr = f"skipped where nothing may be skipped: {reason}"
    return report


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real images: ``../shared/data``, or what MDEPLOY_SHARED_DATA names."""
    folder = Path(os.environ.get("MDEPLOY_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "cifar10").is_dir():
        pytest.skip(f"no images at {folder}")
    return folder


@pytest.fixture(scope="session")
def bundled_checkpoint() -> Path:
    """The trained checkpoint that comes with the project."""
    return ROOT / "examples" / "resnest_small_cifar10.pt"
