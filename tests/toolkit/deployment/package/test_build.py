# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The zips: what is in them, that they are the same twice, and that what is in them runs."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from mdeploy.cli.main import run
from mdeploy.deployment.package import build
from mdeploy.deployment.package.archive import Entry, write_zip
from mdeploy.deployment.package.build import build_zip
from mdeploy.deployment.package.cross import ANDROID_ABIS, harness, host_abi
from mdeploy.errors import InputError, UsageError
from mdeploy.formats.artifact import Artifact

PAYLOAD = {
    *("init_net.pb", "predict_net.pb", "manifest.json", "run.sh", "README.md"),
    *(f"golden/{case}/{file}_0.npy" for case in ("zeros", "ones", "random") for file in ("input", "output")),
}


def unpack(path: Path, folder: Path) -> Path:
    """As unzip does it, with modes."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            target = Path(archive.extract(info, folder))
            target.chmod(info.external_attr >> 16)
    return folder


def test_android(tiny_artifact: Artifact, tmp_path: Path) -> None:
    path = build_zip(tiny_artifact, "android", tmp_path)
    assert path == tmp_path / "tiny-android.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert set(names) == PAYLOAD | {f"{abi}/mdeploy-harness" for abi in ANDROID_ABIS}
    assert names == sorted(names)
    executables = {name for name, mode in modes.items() if mode & stat.S_IXUSR}
    assert executables == {"run.sh", *(f"{abi}/mdeploy-harness" for abi in ANDROID_ABIS)}


@pytest.mark.parametrize("target", ["android", "host"])
def test_same_bytes_twice(
    tiny_artifact: Artifact, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_zip(tiny_artifact, target, tmp_path / "a").read_bytes()
    copy = tmp_path / "elsewhere"
    shutil.copytree(tiny_artifact.path, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    previous = os.umask(0o077)
    try:
        second = build_zip(Artifact.open(copy), target, tmp_path / "b").read_bytes()
    finally:
        os.umask(previous)
    assert first == second


def test_host_package_runs(tiny_artifact: Artifact, tmp_path: Path) -> None:
    folder = unpack(build_zip(tiny_artifact, "host", tmp_path), tmp_path / "unpacked")
    assert (folder / host_abi() / "mdeploy-harness").is_file()
    done = subprocess.run(
        [folder / "run.sh", "-o", tmp_path / "here.json", "--runs", "3", "--warmup", "0"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "here.json").read_text())["latency_ms"]["n"] == 3
    assert "parity   random" in done.stderr


def test_a_changed_byte_in_a_packaged_net_is_refused(
    tiny_artifact: Artifact, tmp_path: Path, flip_byte: object
) -> None:
    folder = unpack(build_zip(tiny_artifact, "host", tmp_path), tmp_path / "unpacked")
    assert callable(flip_byte)
    flip_byte(folder / "predict_net.pb", 40)
    done = subprocess.run([folder / "run.sh"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 3
    assert "predict_net.pb: refused: SHA-256" in done.stderr


def test_scripts_are_portable_shell() -> None:
    if shutil.which("dash") is None:
        pytest.skip("dash is not installed")
    folder = Path(__file__).parents[4] / "toolkit" / "mdeploy" / "deployment" / "package"
    for script in folder.glob("run_*.sh"):
        subprocess.run(["dash", "-n", script], check=True)


def test_the_readme_tells_how(tiny_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = harness("host")
    monkeypatch.setattr(build, "harnesses", lambda abis, _tell: dict.fromkeys(abis, host))  # any will do here
    with zipfile.ZipFile(build_zip(tiny_artifact, "android", tmp_path)) as archive:
        readme, script = archive.read("README.md").decode(), archive.read("run.sh").decode()
    assert "unzip tiny-android.zip -d tiny" in readme
    assert "--init init_net.pb --predict predict_net.pb --manifest manifest.json --golden golden" in readme
    assert "USB debugging" in readme
    assert "@" not in script.replace('"$@"', "")


def test_the_readme_s_commands_take_the_report(
    tiny_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = unpack(build_zip(tiny_artifact, "host", tmp_path), tmp_path / "unpacked")
    readme = (folder / "README.md").read_text()
    assert "USB" not in readme
    monkeypatch.chdir(folder)
    subprocess.run(["./run.sh", "--runs", "20", "--warmup", "0"], check=True, capture_output=True)
    shutil.copy("report.json", "earlier.json")
    commands = [line.split()[1:] for line in readme.splitlines() if line.startswith("    mdeploy ")]
    assert [command[0] for command in commands] == ["report", "diff"]
    for command in commands:
        assert run(command) == 0, command
    assert "tiny" in (folder / "report.html").read_text()


def test_targets(tiny_artifact: Artifact, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="windows"):
        build_zip(tiny_artifact, "windows", tmp_path)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written(tiny_artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        build_zip(tiny_artifact, "host", tmp_path / "file")
    (tmp_path / "tiny-host.zip").mkdir()
    with pytest.raises(InputError, match="is a directory"):
        build_zip(tiny_artifact, "host", tmp_path)


def test_an_interrupted_write_leaves_the_old_package(tmp_path: Path) -> None:
    target = tmp_path / "x.zip"
    write_zip(target, [Entry("a", b"1")])
    before = target.read_bytes()
    with pytest.raises(InputError, match="cannot write"):
        write_zip(target, [Entry("a", b"2"), Entry("b", tmp_path / "missing")])
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]
