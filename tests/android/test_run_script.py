# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The run script of ``NAME-android.zip`` over the real adb against a stand-in device."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from adbd_stand_in import StandIn

from mdeploy.deployment.package import build, cross
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.report import Report


@pytest.fixture(scope="module")
def package(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked Android package; its x86_64 harness is this machine's."""
    folder = tmp_path_factory.mktemp("android")
    host = cross.harness("host")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "harnesses", lambda abis, _tell: dict.fromkeys(abis, host))
        archive = build.build_zip(artifact, "android", folder)
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            Path(file.extract(info, folder / "unpacked")).chmod(info.external_attr >> 16)
    return folder / "unpacked"


def run(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", package / "run.sh", *arguments], capture_output=True, text=True, check=False, timeout=300
    )


def test_runs_pulls_and_cleans_up(package: Path, plug_in: Callable[..., StandIn], tmp_path: Path) -> None:
    device = plug_in()
    report = tmp_path / "report.json"
    done = run(package, "-s", device.serial, "-o", str(report), "--runs", "3", "--warmup", "0")
    assert done.returncode == 0, done.stderr
    assert "parity   random" in done.stderr
    latency = Report.from_text(report.read_text()).latency_ms
    assert latency is not None
    assert latency.n == 3
    left = list(device.path("/data/local/tmp").glob("mdeploy-*"))
    assert not left


def test_exit_codes_are_the_harness_s(package: Path, plug_in: Callable[..., StandIn], tmp_path: Path) -> None:
    device = plug_in()
    report = tmp_path / "report.json"
    done = run(package, "-s", device.serial, "-o", str(report), "--affinity", "it's; rm -rf x $(id)")
    assert done.returncode == 2, done.stderr
    assert "--affinity it's; rm -rf x $(id)" in done.stderr
    assert Report.from_text(report.read_text()).status == "usage"
    broken = tmp_path / "broken"
    shutil.copytree(package, broken)
    data = bytearray((broken / "init_net.pb").read_bytes())
    data[-1] ^= 1
    (broken / "init_net.pb").write_bytes(data)
    done = run(broken, "-s", device.serial, "-o", str(report))
    assert done.returncode == 3, done.stderr
    assert "init_net.pb: refused: SHA-256" in done.stderr
    assert not list(device.path("/data/local/tmp").glob("mdeploy-*"))


def test_devices_that_do_not_fit(package: Path, plug_in: Callable[..., StandIn], tmp_path: Path) -> None:
    done = run(package, "-s", "nobody")
    assert done.returncode == 5
    assert "no device" in done.stderr
    strange = plug_in({"ro.product.cpu.abi": "mips", "ro.product.cpu.abilist": "mips"})
    done = run(package, "-s", strange.serial)
    assert done.returncode == 5
    assert "no harness for the device's ABIs" in done.stderr
    old = plug_in({"ro.product.cpu.abi": "x86_64", "ro.product.cpu.abilist": ""})
    done = run(package, "-s", old.serial, "-o", str(tmp_path / "r.json"), "--runs", "1", "--warmup", "0")
    assert done.returncode == 0, done.stderr


def test_help(package: Path) -> None:
    done = run(package, "--help")
    assert done.returncode == 0
    assert "./run.sh [-s SERIAL]" in done.stdout
