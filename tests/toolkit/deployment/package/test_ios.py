# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``NAME-ios.zip``: what is in it, that it is the same twice, and that Swift builds and runs it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from tools.swift.inside import inside
from tools.swift.root import root_folder
from tools.swift.tree import mirror

from mdeploy.deployment.package import cross
from mdeploy.deployment.package.build import build_zip
from mdeploy.deployment.package.ios import MODELS
from mdeploy.errors import UnavailableError
from mdeploy.files import cache_folder
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.report import Report
from mdeploy.native.sources import source_files

ROOT = Path(__file__).resolve().parents[4]


def unpack(artifact: Artifact, folder: Path) -> Path:
    with zipfile.ZipFile(build_zip(artifact, "ios", folder)) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_what_is_in_it(tiny_artifact: Artifact, tmp_path: Path) -> None:
    path = build_zip(tiny_artifact, "ios", tmp_path)
    assert path == tmp_path / "tiny-ios.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        manifest = archive.read("Package.swift").decode()
        readme = archive.read("README.md").decode()
    assert names == sorted(names)
    cases = [entry.case for entry in tiny_artifact.manifest.golden]
    assert {"zeros", "ones", "random"} <= {*cases}
    golden = {f"golden/{case}/{file}_0.npy" for case in cases for file in ("input", "output")}
    resources = {"init_net.pb", "predict_net.pb", "manifest.json", *golden}
    assert {name for name in names if name.startswith(MODELS)} == {f"{MODELS}/tiny/{name}" for name in resources}
    runtime = {f"runtime/{path.relative_to(ROOT / 'runtime')}" for path in source_files(ROOT / "runtime")}
    assert {name for name in names if name.startswith("runtime/")} == runtime
    assert "ios_harness/mdeploy.xcodeproj/project.pbxproj" in names
    assert "let hasModels = true" in manifest
    assert "let hasModels = false" not in manifest
    # All that the package's targets name is there, but for the tests of a checkout.
    for folder in re.findall(r'path: "([^"]+)"', manifest):
        assert folder.endswith("MDeployTests") or any(name.startswith(f"{folder}/") for name in names), folder
    assert [line[:2] for line in readme.splitlines() if re.match(r"\d\. ", line)] == ["1.", "2.", "3."]
    assert "unzip tiny-ios.zip -d tiny-ios" in readme
    assert f"{MODELS}/tiny" in readme


def test_same_bytes_twice(tiny_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_zip(tiny_artifact, "ios", tmp_path / "a").read_bytes()
    copy = tmp_path / "elsewhere"
    shutil.copytree(tiny_artifact.path, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert build_zip(Artifact.open(copy), "ios", tmp_path / "b").read_bytes() == first


def test_nothing_that_xcode_and_swift_leave_behind(
    tmp_path: Path, tiny_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    for part in ("ios_harness", "runtime/include", "runtime/src", "runtime/harness/include", "runtime/harness/src"):
        shutil.copytree(ROOT / part, tree / part)
    shutil.copy(ROOT / "Package.swift", tree)
    before = zip_names(tiny_artifact, tmp_path / "a", tree, monkeypatch)
    for name in ("mdeploy.xcodeproj/xcuserdata/me.json", ".build/debug/x.swift", "App/.DS_Store"):
        (tree / "ios_harness" / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / "ios_harness" / name).write_text("x")
    assert zip_names(tiny_artifact, tmp_path / "b", tree, monkeypatch) == before


def zip_names(artifact: Artifact, place: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("mdeploy.deployment.package.ios.runtime_sources", lambda: tree / "runtime")
    with zipfile.ZipFile(build_zip(artifact, "ios", place)) as archive:
        return archive.namelist()


def test_an_installation_without_sources_says_so(
    tiny_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "runtime" / "include", tmp_path / "_runtime" / "include")
    (tmp_path / "_runtime" / "harness").mkdir()
    monkeypatch.setattr(cross, "_PACKAGE", tmp_path)
    with pytest.raises(UnavailableError, match="no Swift sources"):
        build_zip(tiny_artifact, "ios", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def swift_root() -> Path:
    """Swift, where it has been made: `make test-swift` makes it."""
    if not root_folder().is_dir():
        pytest.skip("not applicable: no Swift here (make test-swift)")
    return root_folder()


@pytest.mark.slow
def test_it_is_built_and_run(tiny_artifact: Artifact, tmp_path: Path, swift_root: Path) -> None:
    unpacked = unpack(tiny_artifact, tmp_path)
    kept = cache_folder("swift") / "packaged"
    for name in ("sources", "builds"):
        (kept / name).mkdir(parents=True, exist_ok=True)
    names = [path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()]
    with (kept / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mirror(kept / "sources", unpacked, names)
        done = inside(
            swift_root,
            ["swift", "test", "--scratch-path", "/build"],
            {"/src": kept / "sources", "/build": kept / "builds"},
            capture_output=True,
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lines = re.findall(r"^MDeployReport (\{.*\})$", done.stdout, re.M)
    assert len(lines) == 1
    report = Report.from_text(lines[0])
    assert (report.model.name, report.runner, report.status) == (tiny_artifact.name, "ios_app", "ok")
    assert len(report.parity) == len(tiny_artifact.manifest.golden)
    assert all(entry.passed for entry in report.parity)
