# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Builds the app's compiled base: ``python -m mdeploy.deployment.package.android_base``, or ``make android-base``.

Out of ``android_harness/`` come classes and resources, by Maven, aapt2 and dx, without an Android SDK; the
cross-compiler gives the harness for each ABI. The base is an unsigned APK without a model: ``build_apk`` adds one and
signs.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mdeploy.deployment.package.apk import BASE_PATH
from mdeploy.deployment.package.apk_zip import ApkWriter, raw_entries
from mdeploy.deployment.package.cross import ANDROID_ABIS, harnesses
from mdeploy.errors import MdeployError, UnavailableError
from mdeploy.files import whole_file
from mdeploy.progress import Tell, quiet

__all__ = ["HARNESS_LIBRARY", "build_base", "maven_lock"]

HARNESS_LIBRARY = "libmdeploy_harness.so"
"""The harness among the app's native libraries: Android unpacks, and lets an app start, only what is named so."""

_PROJECT = Path(__file__).resolve().parents[4] / "android_harness"
_FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
_TOOLS = {"mvn": "maven", "javac": "openjdk-17-jdk-headless", "aapt2": "aapt"}
_FRAMEWORK_PACKAGE = "android-framework-res"
_MAVEN_SECONDS = 1800


def build_base(output: Path = BASE_PATH, tell: Tell = quiet) -> Path:
    """Build the base and return where it is.

    The same sources give the same bytes.

    Raises:
        UnavailableError: this is no source tree, or a tool is missing or fails; the message says which.
    """
    if not (_PROJECT / "pom.xml").is_file():
        raise UnavailableError(
            "the app's base is built from a source tree of mdeploy, and this is an installed package"
        )
    _require_tools(tell)
    executables = harnesses(ANDROID_ABIS, tell)
    output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(output) as stream, maven_lock():
        tell("compiling the app (Maven; downloads what it needs the first time)")
        _run_maven()
        _write(ApkWriter(stream), executables)
    return output


@contextmanager
def maven_lock() -> Iterator[None]:
    """Lock the project's build folder: two Mavens in it would break each other's build."""
    target = _PROJECT / "target"
    target.mkdir(exist_ok=True)
    with (target / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(apk: ApkWriter, executables: dict[str, Path]) -> None:
    target = _PROJECT / "target"
    apk.add_stored("classes.dex", target / "classes.dex")
    for entry in sorted(raw_entries(target / "resources.apk"), key=lambda entry: entry.name):
        apk.add_raw(entry)
    for abi, path in executables.items():
        apk.add_stored(f"lib/{abi}/{HARNESS_LIBRARY}", path)
    apk.finish()


def _run_maven() -> None:
    # The cache of what Maven has downloaded stays the user's own; nothing but target/ is written here.
    command = ["mvn", "--batch-mode", "--quiet", "-Dmaven.test.skip=true", "process-classes"]
    try:
        done = subprocess.run(
            command, cwd=_PROJECT, capture_output=True, text=True, timeout=_MAVEN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"Maven did not end within {_MAVEN_SECONDS} s in {_PROJECT}") from None
    if done.returncode != 0:
        log = _PROJECT / "target" / "maven.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        errors = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        raise UnavailableError(f"the app cannot be compiled: {errors[0] if errors else 'Maven failed'} (see {log})")


def _require_tools(tell: Tell) -> None:
    packages = [package for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    if not _FRAMEWORK.is_file():
        packages.append(_FRAMEWORK_PACKAGE)
    if not packages:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise UnavailableError(
            f"building the app's base needs {', '.join(packages)}: on Debian `apt-get install {' '.join(packages)}`"
        )
    tell(f"installing {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UnavailableError(f"`{' '.join(install)}` failed: {(done.stderr.strip() or 'no reason given')[-300:]}")


def main() -> int:
    """Build the base; say where it is."""
    try:
        path = build_base(tell=lambda message: print(message, file=sys.stderr, flush=True))
    except MdeployError as error:
        print(f"mdeploy: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{path}\t{path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
