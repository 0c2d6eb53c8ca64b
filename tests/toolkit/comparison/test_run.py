# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Parity on a calibrated net: everything agrees, and every fault in the nets is seen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.cli.main import run
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.run import ParityReport, run_parity
from mdeploy.comparison.tolerance import Tolerance
from mdeploy.errors import InputError, UnavailableError
from mdeploy.formats.artifact import Artifact

Faulty = Callable[[Callable[[Any], None]], Artifact]
RULE = Tolerance(1e-5)


def needs(name: str) -> str:
    availability = get_backend(name).availability()
    if not availability.available:
        pytest.skip(f"{name}: {availability.reason}")
    return name


NETS = pytest.mark.parametrize("backend", ["mdeploy", "caffe2"])


def by_name(report: ParityReport) -> dict[str, str]:
    return {backend.name: backend.status for backend in report.backends}


@pytest.mark.parametrize("backend", ["torch", "onnxruntime", "mdeploy", "caffe2"])
def test_every_backend_agrees(backend: str, calibrated: Artifact) -> None:
    names = [needs(backend), *(["onnxruntime"] if backend == "torch" else [])]
    report = run_parity(ParityRequest(calibrated, names, tolerance=RULE))
    assert by_name(report)[backend] == "passed"
    assert report.exit_code == 0
    cases = [output.case for output in report.backends[0].outputs]
    assert cases[:3] == ["zeros", "ones", "random"]
    assert cases == [case.case for case in calibrated.golden_cases()]
    assert not report.warnings
    for result in report.backends[0].outputs:
        assert result.comparison.top1_agreement == 1.0
        assert result.comparison.required_tolerance is not None
        assert result.comparison.required_tolerance < 2e-6


def relus(net: Any) -> list[int]:
    return [index for index, operator in enumerate(net.op) if operator.type == "Relu"]


def drop(net: Any, index: int) -> None:
    """Make a Relu a Copy: same blobs, no ReLU."""
    net.op[index].type = "Copy"
    if net.op[index].input[0] == net.op[index].output[0]:
        del net.op[index]


@NETS
def test_any_dropped_relu_fails(backend: str, calibrated: Artifact, with_fault: Faulty) -> None:
    needs(backend)
    from mdeploy.caffe2.messages import NetDef

    net = NetDef.FromString(calibrated.predict_net.read_bytes())
    assert len(relus(net)) >= 6
    for index in relus(net):
        report = run_parity(
            ParityRequest(with_fault(lambda net, index=index: drop(net, index)), [backend], tolerance=RULE)
        )
        assert report.exit_code == 1, f"operator {index} ({net.op[index].output[0]}) is not witnessed"


def shift_pad(net: Any, index: int) -> bool:
    """Move one column of padding from the left to the right: same output shape. False where there is none."""
    for argument in net.op[index].arg:
        if argument.name == "pads" and argument.ints[1] > 0:
            argument.ints[1] -= 1
            argument.ints[3] += 1
            return True
    return False


@NETS
def test_any_shifted_pad_fails(backend: str, calibrated: Artifact, with_fault: Faulty) -> None:
    needs(backend)
    from mdeploy.caffe2.messages import NetDef

    net = NetDef.FromString(calibrated.predict_net.read_bytes())
    padded = [index for index, operator in enumerate(net.op) if operator.type == "Conv" and shift_pad(net, index)]
    assert len(padded) >= 4
    for index in padded:
        report = run_parity(
            ParityRequest(with_fault(lambda net, index=index: shift_pad(net, index)), [backend], tolerance=RULE)
        )
        assert report.exit_code == 1, f"operator {index} ({net.op[index].output[0]}) is not witnessed"


@NETS
def test_an_operator_that_does_not_exist_is_4_and_the_others_still_run(backend: str, with_fault: Faulty) -> None:
    needs(backend)

    def rename(net: Any) -> None:
        net.op[relus(net)[0]].type = "NoSuchOperator"

    report = run_parity(ParityRequest(with_fault(rename), [backend, "onnxruntime"], tolerance=RULE))
    assert by_name(report) == {backend: "error", "onnxruntime": "passed"}
    assert "NoSuchOperator" in report.backends[0].reason
    assert report.exit_code == 4


def test_a_tighter_tolerance_fails(calibrated: Artifact) -> None:
    assert run_parity(ParityRequest(calibrated, ["onnxruntime"], tolerance=Tolerance(1e-12))).exit_code == 1
    assert run_parity(ParityRequest(calibrated, ["onnxruntime"], tolerance=Tolerance(1e-12, rtol=1e-5))).exit_code == 0


def test_torch_alone_is_no_proof(calibrated: Artifact) -> None:
    with pytest.raises(UnavailableError, match="no backend to compare"):
        run_parity(ParityRequest(calibrated, ["torch"], tolerance=RULE))


def test_a_missing_backend_is_listed_or_an_error_by_name(calibrated: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDEPLOY_CAFFE2_PYTHON", "/nowhere/python")
    report = run_parity(ParityRequest(calibrated, tolerance=RULE))
    assert by_name(report)["caffe2"] == "missing"
    assert by_name(report)["onnxruntime"] == "passed"
    with pytest.raises(UnavailableError, match="caffe2 is not available"):
        run_parity(ParityRequest(calibrated, ["caffe2"], tolerance=RULE))


class TestSource:
    """PyTorch runs again only on the file that was converted."""

    def copy(self, calibrated: Artifact, folder: Path) -> Artifact:
        shutil.copytree(calibrated.path, folder / "art")
        return Artifact.open(folder / "art")

    def test_it_is_found_beside_the_artifact(self, calibrated: Artifact, tmp_path: Path) -> None:
        artifact = self.copy(calibrated, tmp_path)
        assert by_name(run_parity(ParityRequest(artifact, tolerance=RULE)))["torch"] == "missing"
        shutil.copy(calibrated.path.parent / "net.pt", tmp_path / "net.pt")
        assert by_name(run_parity(ParityRequest(artifact, tolerance=RULE)))["torch"] == "passed"

    def test_it_is_found_in_the_current_directory(
        self, calibrated: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        artifact = self.copy(calibrated, tmp_path)
        monkeypatch.chdir(calibrated.path.parent)
        assert by_name(run_parity(ParityRequest(artifact, tolerance=RULE)))["torch"] == "passed"

    def test_another_file_of_that_name_is_not_run(self, calibrated: Artifact, tmp_path: Path) -> None:
        artifact = self.copy(calibrated, tmp_path)
        (tmp_path / "net.pt").write_bytes(b"not it")
        report = run_parity(ParityRequest(artifact, tolerance=RULE))
        assert by_name(report)["torch"] == "missing"
        assert "has changed" in next(backend.reason for backend in report.backends if backend.name == "torch")

    def test_the_wrong_file_by_name_is_bad_input(self, calibrated: Artifact, tmp_path: Path) -> None:
        (tmp_path / "other.pt").write_bytes(b"not it")
        with pytest.raises(InputError, match="is not the model"):
            get_backend("torch").prepare(calibrated, PrepareOptions(source=tmp_path / "other.pt"))
        with pytest.raises(InputError, match="no such file"):
            get_backend("torch").prepare(calibrated, PrepareOptions(source=tmp_path / "none.pt"))


class TestWeakWitness:
    def golden(self, artifact: Artifact, name: str) -> Path:
        return artifact.path / "golden" / name

    def test_outputs_that_do_not_depend_on_the_input_warn(self, with_fault: Faulty) -> None:
        artifact = with_fault(lambda _net: None)
        for case in [entry.case for entry in artifact.manifest.golden][1:]:
            shutil.copy(self.golden(artifact, "zeros/output_0.npy"), self.golden(artifact, f"{case}/output_0.npy"))
        report = run_parity(ParityRequest(Artifact.open(artifact.path, verify=False), ["onnxruntime"], tolerance=RULE))
        assert any("proves little here" in warning for warning in report.warnings)


class TestCommand:
    def test_json(self, calibrated: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["parity", str(calibrated.path), "--backends", "onnxruntime", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["schema"] == "mdeploy-parity/1"
        assert report["passed"] is True
        (backend,) = report["backends"]
        first = backend["results"][0]
        expected = np.load(calibrated.path / "golden" / "zeros" / "output_0.npy")
        assert first["worst_reference"] == float(expected[tuple(first["worst_index"])])

    def test_table(self, calibrated: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["parity", str(calibrated.path), "--backends", "onnxruntime"]) == 0
        out = capsys.readouterr().out
        assert "1 of 1 backend agrees" in out
        assert "random" in out

    def test_exit_codes(self, calibrated: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = str(calibrated.path)
        assert run(["parity", path, "--backends", "onnxruntime", "--tol", "1e-12"]) == 1
        assert run(["parity", path, "--backends", "nope"]) == 2
        assert run(["parity", str(tmp_path / "none")]) == 3
        assert run(["parity", path, "--backends", "torch"]) == 5
        capsys.readouterr()

    def test_a_changed_byte_in_a_net_is_refused(self, with_fault: Faulty, capsys: pytest.CaptureFixture[str]) -> None:
        artifact = with_fault(lambda _net: None)
        data = bytearray(artifact.init_net.read_bytes())
        data[len(data) // 2] ^= 1
        artifact.init_net.write_bytes(data)
        assert run(["parity", str(artifact.path)]) == 3
        assert "init_net.pb" in capsys.readouterr().err
