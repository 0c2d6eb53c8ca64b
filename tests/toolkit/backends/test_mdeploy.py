# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Our runtime behind the backend protocol, on a calibrated artifact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdeploy import native
from mdeploy.backends.base import NetBackend, PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.caffe2.pair import NetPair
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.errors import InputError, UnavailableError, UnsupportedError, UsageError
from mdeploy.formats import checkpoint
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.checkpoint import Checkpoint
from mdeploy.formats.manifest import InputSpec
from mdeploy_training.models import resnest_small

BACKEND = get_backend("mdeploy")
ISAS = ["reference", "sse2", "avx2", "avx512", "neon"]


def _worst(artifact: Artifact, net: native.NativeNet, threads: int = 1) -> float:
    worst = 0.0
    with net.session(threads=threads) as session:
        for case in artifact.golden_cases():
            for ours, theirs in zip(session.run(list(case.inputs)), case.outputs, strict=True):
                worst = max(worst, float(np.max(np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs)))))
    return worst


def _close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_is_available_and_says_its_instruction_set() -> None:
    availability = BACKEND.availability()
    assert availability.available
    assert native.best_isa() in availability.version


def test_answers_the_golden_cases(calibrated: Artifact) -> None:
    session = BACKEND.prepare(calibrated, PrepareOptions(threads=2))
    for case in calibrated.golden_cases():
        for ours, theirs in zip(session.run(case.inputs), case.outputs, strict=True):
            assert ours.dtype == theirs.dtype
            _close(ours, theirs)
    session.close()
    session.close()


@pytest.mark.parametrize("isa", ISAS)
def test_every_instruction_set_answers_the_golden_cases(calibrated: Artifact, isa: str) -> None:
    try:
        net = native.load_net(calibrated.nets, calibrated.manifest.inputs, isa=isa)
    except UnavailableError as error:
        pytest.skip(f"not applicable: {error}")
    with net:
        assert net.isa == isa
        assert _worst(calibrated, net) < 1e-5


def test_the_environment_forces_an_instruction_set(calibrated: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDEPLOY_ISA", "reference")
    with native.load_net(calibrated.nets, calibrated.manifest.inputs) as net:
        assert net.isa == "reference"
    monkeypatch.setenv("MDEPLOY_ISA", "abacus")
    with pytest.raises(UsageError, match="MDEPLOY_ISA names no instruction set"):
        native.load_net(calibrated.nets, calibrated.manifest.inputs)


@pytest.mark.parametrize("name", [*native.load_passes(), "all"])
def test_every_pass_can_be_left_out(calibrated: Artifact, name: str) -> None:
    with native.load_net(calibrated.nets, calibrated.manifest.inputs, skip_passes=[name]) as net:
        assert _worst(calibrated, net) < 1e-5


def test_results_are_the_same_bits_for_any_number_of_threads(calibrated: Artifact) -> None:
    inputs = list(calibrated.golden_cases()[-1].inputs)
    with native.load_net(calibrated.nets, calibrated.manifest.inputs) as net:
        answers = []
        for threads in (1, 2, 3, 5):
            with net.session(threads=threads) as session:
                assert session.threads == threads
                answers += [session.run(inputs)[0].tobytes() for _ in range(3)]
    assert len(set(answers)) == 1


def test_the_trunk_is_fused(tmp_path: Path) -> None:
    """No data is moved between the first convolution and the last: every block is convolutions and SplitAttention."""
    if native.best_isa() == "reference":
        pytest.skip("not applicable: no fast kernels for this processor")
    arguments: dict[str, Any] = {"layers": [1, 1], "widths": [16, 32], "strides": [1, 2]}
    model = resnest_small(**arguments)
    spec = InputSpec("input", (1, 3, 32, 32), "float32", "NCHW", "rgb")
    checkpoint.save(Checkpoint("resnest_small", arguments, model.state_dict(), spec, "logits"), tmp_path / "net.pt")
    artifact = convert(tmp_path / "net.pt", ConvertOptions(output=tmp_path / "out")).artifact
    with (
        native.load_net(artifact.nets, artifact.manifest.inputs) as net,
        net.session(profile=True) as session,
    ):
        session.run(list(artifact.golden_cases()[0].inputs))
        operators = session.profile()
    assert {op.type for op in operators} <= {"Conv", "SplitAttention", "AveragePool", "FC", "LogSoftmax"}
    assert sum(op.type == "SplitAttention" for op in operators) == 2


def test_the_figures_of_the_net_are_those_of_the_manifest(calibrated: Artifact) -> None:
    with native.load_net(calibrated.nets, calibrated.manifest.inputs) as net:
        assert net.parameters == calibrated.manifest.parameters
        assert net.macs == calibrated.manifest.macs
        assert [spec.name for spec in net.inputs] == [spec.name for spec in calibrated.manifest.inputs]
        assert [spec.shape for spec in net.outputs] == [tuple(spec.shape) for spec in calibrated.manifest.outputs]


def test_the_net_runner_shows_every_blob(calibrated: Artifact) -> None:
    assert isinstance(BACKEND, NetBackend)
    runner = BACKEND.net_runner(PrepareOptions(threads=1))
    case = calibrated.golden_cases()[-1]
    inputs = dict(zip([spec.name for spec in calibrated.manifest.inputs], case.inputs, strict=True))
    nets = (calibrated.init_net.read_bytes(), calibrated.predict_net.read_bytes())
    blobs = runner.run_nets(NetPair(*nets), inputs)
    output = calibrated.manifest.outputs[0].name
    _close(blobs[output], case.outputs[0])
    assert len(blobs) > 30
    assert list(runner.run_nets(NetPair(*nets), inputs, [output])) == [output]


def test_faults_in_a_net_are_named(with_fault: Callable[..., Artifact]) -> None:
    def unknown(net: Any) -> None:
        net.op[3].type = "NoSuchOperator"

    with pytest.raises(UnsupportedError, match="NoSuchOperator"):
        BACKEND.prepare(with_fault(unknown), PrepareOptions())

    def lost(net: Any) -> None:
        del net.op[0]

    with pytest.raises(InputError, match="never produced"):
        BACKEND.prepare(with_fault(lost, "init_net.pb"), PrepareOptions())


def test_wrong_inputs_are_refused(calibrated: Artifact) -> None:
    session = BACKEND.prepare(calibrated, PrepareOptions(threads=1))
    with pytest.raises(UsageError, match="takes 1 inputs, 0 given"):
        session.run([])
    with pytest.raises(UsageError, match="expected shape"):
        session.run([np.zeros((1, 3, 31, 32), np.float32)])
    with pytest.raises(UsageError, match="expected float32"):
        session.run([np.zeros((1, 3, 32, 32), np.int32)])
