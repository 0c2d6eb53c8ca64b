# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The app's JVM tests: Robolectric starts the screen, and the host build of the harness runs behind it by JNI and as a
child process. Maven keeps what it downloads, so later runs work offline."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mdeploy.deployment.package.android_base import maven_lock
from mdeploy.formats.artifact import Artifact
from mdeploy.reports.history import History

TESTS_AT_LEAST = 60  # on two versions of Android


def test_the_app_on_the_oldest_and_the_newest_android(
    artifact: Artifact, image: Path, repository: Path, tmp_path: Path
) -> None:
    for tool in ("mvn", "javac", "aapt2", "cmake"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    project = repository / "android_harness"
    native = build_native(project, repository / "build" / "android-jni")
    with maven_lock(), collecting(tmp_path / "history.db") as (url, token):
        run_jvm_tests(project, native, artifact, image, url, token)
    history = History(tmp_path / "history.db")
    received = [history.document(run.id) for run in history.runs()]
    assert len(received) == 4, "from a host's run and from the user, on two Androids"
    assert {(report["runner"], report["device"]["os"]) for report in received} == {("app_jni", "android")}
    assert {report["device"]["sdk"] for report in received} == {26, 35}


@contextmanager
def collecting(database: Path) -> Iterator[tuple[str, str]]:
    """A `mdeploy collect`: where it listens, and its token."""
    token = "a-token-of-the-test"
    command = [sys.executable, "-m", "mdeploy", "collect", "--port", "0", "--json", "--db", str(database)]
    environment = {**os.environ, "MDEPLOY_COLLECT_TOKEN": token}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["url"], token
        finally:
            server.terminate()


def run_jvm_tests(project: Path, native: Path, artifact: Artifact, image: Path, url: str, token: str) -> None:
    for report in (project / "target" / "surefire-reports").glob("*.xml"):
        report.unlink()
    command = ["mvn", "--batch-mode", "test", f"-Dmdeploy.native.dir={native}"]
    command += [f"-Dmdeploy.artifact={artifact.path}", f"-Dmdeploy.picture={image}"]
    command += [f"-Dmdeploy.collect.url={url}", f"-Dmdeploy.collect.token={token}"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    runs, skipped = 0, 0
    for total in re.finditer(
        r"Tests run: (\d+), Failures: 0, Errors: 0, Skipped: (\d+)\s*$", done.stdout, re.MULTILINE
    ):
        runs, skipped = runs + int(total[1]), skipped + int(total[2])
    assert runs >= TESTS_AT_LEAST, done.stdout[-3000:]
    assert skipped == 0
    screens = list((project / "target").glob("screen-*.png"))
    assert len(screens) == 2
    last = ElementTree.parse(project / "target" / "surefire-reports" / "TEST-org.mdeploy.harness.MainActivityTest.xml")
    names = {case.get("name") for case in last.getroot().iter("testcase")}
    assert any(name and name.startswith("runsInProcessAndShowsTheResult") for name in names)


def build_native(project: Path, build: Path) -> Path:
    """Build the JNI library and the command for this machine; return a folder laid out like nativeLibraryDir."""
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    source = project / "app" / "src" / "main" / "cpp"
    compiler = shutil.which("javac")
    assert compiler is not None
    # CMake looks for a JDK in a list of places that it knows; the one that compiles the app is the right one.
    environment = {**os.environ, "JAVA_HOME": str(Path(compiler).resolve().parent.parent)}
    jobs = str(min(2, os.cpu_count() or 1))
    configure = ["cmake", "-S", source, "-B", build, *generator, *launcher]
    for command in (configure, ["cmake", "--build", build, "--parallel", jobs]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    native = build / "native-library-dir"
    native.mkdir(exist_ok=True)
    shutil.copy2(build / "libmdeploy_jni.so", native)
    shutil.copy2(build / "runtime" / "harness" / "mdeploy-harness", native / "libmdeploy_harness.so")
    return native
