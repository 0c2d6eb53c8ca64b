# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Whole benches of a small artifact: here and under qemu, good and bad."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mdeploy.deployment.devices.base import BenchOptions, Completed
from mdeploy.deployment.devices.bench import run_bench
from mdeploy.deployment.devices.fleet import bench_all
from mdeploy.deployment.devices.local import LocalDevice
from mdeploy.deployment.devices.qemu import EMULATORS, QemuDevice
from mdeploy.deployment.package.cross import HARNESS
from mdeploy.errors import CheckFailed, InputError, MdeployError, UnavailableError, UsageError
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.report import Report

QUICK = BenchOptions(runs=5, warmup=1)


@pytest.fixture(params=["arm64-v8a", "armeabi-v7a"])
def qemu(request: pytest.FixtureRequest) -> str:
    """A ``--device`` for each of Android's ARM ABIs."""
    if shutil.which(EMULATORS[request.param][0]) is None:
        pytest.skip(f"{EMULATORS[request.param][0]} is not installed")
    return f"qemu:{request.param}"


def test_local(tiny_artifact: Artifact, tmp_path: Path) -> None:
    [outcome] = bench_all(tiny_artifact, ["local"], BenchOptions(runs=5, warmup=1, profile=True), tmp_path)
    assert outcome.error is None
    report = outcome.report
    assert report is not None
    assert report.latency_ms is not None
    assert report.latency_ms.n == 5
    assert not report.emulated
    assert [row.case for row in report.parity] == ["zeros", "ones", "random"]
    assert all(row.passed for row in report.parity)
    assert report.model.name == "tiny"
    assert report.model.parameters == tiny_artifact.manifest.parameters
    assert report.model.macs == tiny_artifact.manifest.macs
    assert report.ops
    assert report.verify_ms is not None
    assert report.files["init_net.pb"].sha256 == tiny_artifact.manifest.files["init_net.pb"].sha256
    assert outcome.path == tmp_path / "tiny-bench-local.json"
    assert Report.from_text(outcome.path.read_text()) == report


def test_qemu_passes_its_golden_vectors(tiny_artifact: Artifact, tmp_path: Path, qemu: str) -> None:
    [outcome] = bench_all(tiny_artifact, [qemu], BenchOptions(), tmp_path)
    assert outcome.error is None
    assert outcome.report is not None
    assert outcome.report.emulated
    assert outcome.report.isa == "neon"
    assert outcome.report.device.abi == qemu.partition(":")[2]
    assert all(row.passed for row in outcome.report.parity)


def test_a_changed_golden_value_fails_parity(change_golden: Path, tmp_path: Path) -> None:
    [outcome] = bench_all(Artifact.open(change_golden, verify=False), ["local"], QUICK, tmp_path)
    assert isinstance(outcome.error, CheckFailed)
    assert outcome.report is not None
    assert [row.passed for row in outcome.report.parity] == [True, True, False]
    assert outcome.report.latency_ms is None
    assert outcome.path is not None, "the report of a failed run is kept too"


def test_a_changed_golden_value_fails_parity_under_qemu(change_golden: Path, tmp_path: Path, qemu: str) -> None:
    [outcome] = bench_all(Artifact.open(change_golden, verify=False), [qemu], QUICK, tmp_path)
    assert isinstance(outcome.error, CheckFailed)


@pytest.mark.parametrize("name", ["init_net.pb", "predict_net.pb"])
def test_a_changed_net_is_refused(
    tiny_copy: Artifact, tmp_path: Path, name: str, flip_byte: Callable[[Path, int], None]
) -> None:
    flip_byte(tiny_copy.path / name, -9)
    [outcome] = bench_all(tiny_copy, ["local"], QUICK, tmp_path)
    assert isinstance(outcome.error, InputError)
    assert f"{name}: refused: SHA-256" in str(outcome.error)


def test_the_tolerance_is_the_callers(tiny_artifact: Artifact, tmp_path: Path) -> None:
    [outcome] = bench_all(tiny_artifact, ["local"], BenchOptions(runs=1, warmup=0, tolerance=0.0), tmp_path)
    assert outcome.report is not None
    needed = [row.required_tolerance for row in outcome.report.parity]
    assert (outcome.error is not None) == any(value != 0 for value in needed)
    assert all(row.tolerance == 0 for row in outcome.report.parity)


def test_bad_flags_are_the_harness_s_to_refuse(tiny_artifact: Artifact, tmp_path: Path) -> None:
    [outcome] = bench_all(tiny_artifact, ["local"], BenchOptions(affinity="fastest"), tmp_path)
    assert isinstance(outcome.error, UsageError)
    assert "--affinity fastest" in str(outcome.error)


def test_one_that_fails_leaves_the_others_going(
    tiny_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise UnavailableError("qemu: broken")

    monkeypatch.setattr("mdeploy.deployment.devices.QemuDevice", lambda _abi: broken())
    outcomes = bench_all(tiny_artifact, ["qemu", "local"], QUICK, tmp_path)
    assert [type(outcome.error) for outcome in outcomes] == [UnavailableError, type(None)]


def test_app_needs_a_phone(tiny_artifact: Artifact, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--app"):
        bench_all(tiny_artifact, ["local"], QUICK, tmp_path, app=True)
    with pytest.raises(UsageError, match="--keystore"):
        bench_all(tiny_artifact, ["local"], QUICK, tmp_path, keystore=tmp_path)


def test_an_unwritable_place_is_found_out_first(tiny_artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write reports into"):
        bench_all(tiny_artifact, ["local"], QUICK, tmp_path / "file" / "folder")


class Scripted(LocalDevice):
    """A device whose harness does what a test says."""

    def __init__(self, exit_code: int, stdout: str = "", stderr: str = "", report: str | None = None) -> None:
        super().__init__()
        self._result = Completed(exit_code, stdout, stderr)
        self._report = report

    def run(self, command: Sequence[str], *, timeout: float) -> Completed:
        assert command[0] == HARNESS
        if self._report is not None:
            self._path("report.json").write_text(self._report)
        return self._result


@pytest.mark.parametrize(
    ("device", "kind", "message"),
    [
        (lambda: Scripted(3, stderr="warning\nmdeploy-harness: no such file\n"), InputError, "local: no such file"),
        (lambda: Scripted(5), UnavailableError, "exit code 5, and no report"),
        (lambda: Scripted(139), MdeployError, "exit code 139"),
        (lambda: Scripted(0), InputError, "gave no report"),
        (lambda: Scripted(0, report="{}"), InputError, "not a report of the harness"),
        (lambda: Scripted(0, report="MDeploy"), InputError, "not valid JSON"),
        (lambda: Scripted(0, stdout="MDeployReport {"), InputError, "not valid JSON"),
    ],
)
def test_harnesses_that_misbehave(
    tiny_artifact: Artifact, device: Callable[[], Scripted], kind: type[MdeployError], message: str
) -> None:
    with device() as opened, pytest.raises(kind, match=message):
        run_bench(tiny_artifact, opened, QUICK)


def test_a_report_that_contradicts_the_exit_code(tiny_artifact: Artifact) -> None:
    with LocalDevice() as device:
        text = json.dumps(run_bench(tiny_artifact, device, QUICK).to_json())
    with Scripted(70, report=text) as broken, pytest.raises(MdeployError, match="exit code 70, its report says ok"):
        run_bench(tiny_artifact, broken, QUICK)
    with Scripted(0, stdout=f"MDeployReport {text}\n") as silent:  # a device that does not give the file back
        assert run_bench(tiny_artifact, silent, QUICK).status == "ok"


def test_qemu_device_is_a_local_one_with_an_emulator() -> None:
    if shutil.which("qemu-aarch64-static") is None:
        pytest.skip("qemu-aarch64-static is not installed")
    with QemuDevice() as device:
        assert device.name == "qemu"
        assert device.slowdown > 1
