# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The source archive has everything that an installation from it needs: it is built, compiled and used elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest


def run(folder: Path, *command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def tracked(repository: Path) -> list[str]:
    listing = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True).stdout
    return [name for name in listing.splitlines() if (repository / name).is_file()]


def archive(repository: Path, folder: Path) -> Path:
    """The archive of a copy: setuptools writes into the tree, and tests run beside each other."""
    for name in tracked(repository):
        if not name.startswith(("tests/", "docs/", "android_harness/", "benchmarks/")):
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, folder / "tree" / name)
    program = f"import setuptools.build_meta as build; print(build.build_sdist({str(folder)!r}))"
    return folder / run(folder / "tree", sys.executable, "-c", program).splitlines()[-1]


def test_what_is_in_it(repository: Path, tmp_path: Path) -> None:
    with tarfile.open(archive(repository, tmp_path)) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    folders = ("ios_harness/", "runtime/", "toolkit/", "training/")
    wanted = {name for name in tracked(repository) if name.startswith(folders)}
    assert wanted <= names
    assert {"setup.py", "LICENSE", "Package.swift"} <= names
    assert {"examples/demo_picture.png", "examples/resnest_small_cifar10.pt"} <= names
    assert not [name for name in names if name.endswith((".so", ".pyc"))]


@pytest.mark.slow
def test_it_is_compiled_and_used(repository: Path, tmp_path: Path) -> None:
    source = archive(repository, tmp_path)
    pip = (sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-compile", "--quiet")
    installed = tmp_path / "installed"
    # With an empty cache, since a build of the checkout in it would do instead of a compiler.
    # A compiler cache, where one is used, stays, and does not mind in which temporary folder pip compiles.
    places = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "CCACHE_BASEDIR": tempfile.gettempdir()}
    if shutil.which("ccache"):
        places["CCACHE_DIR"] = run(tmp_path, "ccache", "--get-config", "cache_dir").strip()
    run(tmp_path, *pip, "--target", installed, source, **places)
    program = (
        "import json; from mdeploy import native; "
        "from mdeploy.deployment.package.cross import harness, runtime_sources; "
        "print(json.dumps([str(native.library_path()), str(harness('host')), str(runtime_sources())]))"
    )
    found = json.loads(run(tmp_path, sys.executable, "-c", program, PYTHONPATH=str(installed)))
    assert all(Path(path).is_relative_to(installed) for path in found), found
    shown = run(tmp_path, sys.executable, "-m", "mdeploy", "demo", "-o", "out", PYTHONPATH=str(installed))
    assert "agree with PyTorch" in shown
    package = ("-m", "mdeploy", "package", "out/resnest_small_cifar10", "--target", "ios")
    assert "-ios.zip" in run(tmp_path, sys.executable, *package, PYTHONPATH=str(installed))
