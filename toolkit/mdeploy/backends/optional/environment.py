# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Which Python has a backend's packages: this one, one named by the user, or one that ``doctor --install`` made."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mdeploy.backends.child.install import run_step
from mdeploy.backends.table import BackendInfo
from mdeploy.errors import UnavailableError
from mdeploy.files import cache_folder
from mdeploy.progress import Tell, quiet

__all__ = ["Home", "environment_dir", "find_home", "how_to_install", "install", "variable", "why_missing"]

_PROBE = """import importlib.metadata, json, sys
print(json.dumps({d.metadata["Name"]: d.version for d in map(importlib.metadata.distribution, sys.argv[1:])}))
"""


@dataclass(frozen=True)
class Home:
    """An interpreter, and the versions of the packages that were looked for in it."""

    python: Path
    versions: dict[str, str]


def variable(info: BackendInfo) -> str:
    """The environment variable that names a Python for a backend."""
    return f"MDEPLOY_{info.name.upper()}_PYTHON"


def environment_dir(info: BackendInfo) -> Path:
    """Where ``install`` puts it, in the user's cache."""
    return cache_folder(info.environment)


def find_home(info: BackendInfo, packages: Sequence[str]) -> Home | None:
    """The Python that has all of ``packages``; nothing is imported to find out.

    The user's variable decides alone where it is set.
    """
    override = os.environ.get(variable(info))
    if override:
        return _ask(override, tuple(packages))
    own = _versions(packages, None)
    if own is not None:
        return Home(Path(sys.executable), own)
    directory = environment_dir(info)
    python = directory / "bin" / "python"
    if not os.access(python, os.X_OK):
        return None
    apart = _versions(packages, [str(path) for path in directory.glob("lib/python3*/site-packages")])
    return None if apart is None else Home(python, apart)


def why_missing(info: BackendInfo, packages: Sequence[str]) -> str:
    """Why ``find_home`` found none."""
    override = os.environ.get(variable(info))
    if override:
        return f"{variable(info)}={override} is no Python that has {' and '.join(packages)}"
    absent = [name for name in packages if _versions([name], None) is None]
    if absent:
        return f"{' and '.join(absent)} not installed"
    return f"{' and '.join(packages)} not installed together"


def how_to_install(info: BackendInfo, packages: Sequence[str]) -> str:
    """The command that brings it."""
    if info.heavy and set(packages) & set(info.make):
        return f"mdeploy doctor --install {info.name}"
    return f"pip install {' '.join(packages)}"


def install(info: BackendInfo, report: Tell = quiet) -> Path:
    """Put everything that a backend needs into its environment and return the interpreter."""
    directory = environment_dir(info)
    python = directory / "bin" / "python"
    if sys.platform not in ("linux", "darwin"):
        raise UnavailableError(f"optional backends are for Linux and macOS, not for {sys.platform}")
    if not os.access(python, os.X_OK):
        report(f"making {directory}")
        run_step([sys.executable, "-m", "venv", str(directory)], "making the environment")
    report(f"installing {' '.join(info.packages)}" + (" (several GB with torch)" if info.heavy else ""))
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run_step([*pip, "numpy", *info.packages], f"installing {info.title}")
    return python


def _versions(packages: Sequence[str], path: Sequence[str] | None) -> dict[str, str] | None:
    found = {}
    for name in packages:
        where: list[str] = sys.path if path is None else list(path)
        first = next(iter(importlib.metadata.Distribution.discover(name=name, path=where)), None)
        if first is None:
            return None
        found[name] = first.version
    return found


@functools.cache
def _ask(python: str, packages: tuple[str, ...]) -> Home | None:
    try:
        done = subprocess.run(
            [python, "-c", _PROBE, *packages], capture_output=True, text=True, timeout=60, check=False
        )
        found = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return None if found is None else Home(Path(python), found)
