# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Where real Caffe2 lives, and the one command that puts it there.

The last wheel with Caffe2 and its Python bindings is torch 1.10.2, whose newest Python is 3.9. It needs NumPy before
1.24 and protobuf before 3.21, and none of the packages that torch itself depends on.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mdeploy.backends.child.install import run_step
from mdeploy.errors import UnavailableError
from mdeploy.files import cache_folder, replace_file
from mdeploy.progress import Tell, quiet

__all__ = ["ENVIRONMENT_VARIABLE", "INSTALL_COMMAND", "environment_dir", "find_python", "install", "why_missing"]

ENVIRONMENT_VARIABLE = "MDEPLOY_CAFFE2_PYTHON"
INSTALL_COMMAND = "mdeploy doctor --install-caffe2"

_SUPPORT = ("numpy<1.24", "protobuf<3.21", "future", "six", "typing_extensions")
_TORCH = "torch==1.10.2"
_MARKER = "mdeploy-caffe2.json"
_PROBE = "from caffe2.python import workspace; print(len(workspace.RegisteredOperators()))"
_MINIMUM_OPERATORS = 500  # 986 on x86-64; far fewer means a build without its operators


def environment_dir() -> Path:
    """Directory of the environment, in the user's cache."""
    return cache_folder("caffe2")


def find_python() -> Path | None:
    """The interpreter that has Caffe2: the one named by MDEPLOY_CAFFE2_PYTHON, or that of a finished environment."""
    override = os.environ.get(ENVIRONMENT_VARIABLE)
    if override:
        return Path(override) if os.access(override, os.X_OK) else None
    directory = environment_dir()
    python = directory / "bin" / "python"
    return python if (directory / _MARKER).is_file() and os.access(python, os.X_OK) else None


def why_missing() -> str:
    """Why ``find_python`` found none."""
    override = os.environ.get(ENVIRONMENT_VARIABLE)
    if override:
        return f"{ENVIRONMENT_VARIABLE}={override} is not an executable"
    if environment_dir().exists():
        return f"{environment_dir()} is not complete"
    return "real Caffe2 needs a Python 3.9 environment of its own, which is not set up"


def install(report: Tell = quiet) -> Path:
    """Make the environment, or complete one that an interrupted run left, and return its interpreter.

    ``report`` is told each step. Raises ``UnavailableError`` when Python 3.9 or the network is missing.
    """
    directory = environment_dir()
    python = directory / "bin" / "python"
    existing = find_python()
    if existing is not None:
        return existing
    if sys.platform not in ("linux", "darwin"):
        raise UnavailableError(f"torch 1.10.2 has no Caffe2 for {sys.platform}; use Linux or macOS")
    if not _works(python):
        base = _find_python39()
        report(f"making {directory} with {base}")
        directory.parent.mkdir(parents=True, exist_ok=True)
        if directory.exists() and not os.access(python, os.X_OK):
            shutil.rmtree(directory)
        run_step([str(base), "-m", "venv", str(directory)], "making the environment")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        report("installing " + " ".join(_SUPPORT))
        run_step([*pip, *_SUPPORT], "installing NumPy and protobuf")
        report(f"installing {_TORCH} (880 MB on x86-64)")
        run_step([*pip, "--no-deps", _TORCH], f"installing {_TORCH}")
        report("checking")
        if not _works(python):
            raise UnavailableError(
                f"{directory}: installed, but Caffe2 does not start there; try: {python} -c '{_PROBE}'"
            )
    # The marker comes last: an environment without it was interrupted and is not used.
    marker = {"torch": _TORCH, "machine": platform.machine()}
    replace_file(directory / _MARKER, (json.dumps(marker) + "\n").encode())
    return python


def _works(python: Path) -> bool:
    if not os.access(python, os.X_OK):
        return False
    try:
        done = subprocess.run([python, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=300, check=False)
        return done.returncode == 0 and int(done.stdout.split()[-1]) >= _MINIMUM_OPERATORS
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return False


def _find_python39() -> Path:
    for candidate in _candidates():
        try:
            probe = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
            done = subprocess.run([candidate, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        # A pyenv shim for a version that is not active fails here; its real interpreter is a later candidate.
        if done.returncode == 0 and done.stdout.strip() == "3.9":
            return candidate
    raise UnavailableError(
        "real Caffe2 needs Python 3.9, which is not on PATH nor under pyenv; get it with `pyenv install 3.9` or "
        f"`uv python install 3.9`, then run: {INSTALL_COMMAND}"
    )


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("python3.9")
    if on_path:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/3.9*/bin/python3.9"), reverse=True)
    uv_data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    yield from sorted(uv_data.glob("uv/python/cpython-3.9*/bin/python3.9"), reverse=True)
