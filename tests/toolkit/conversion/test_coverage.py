# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Golden cases that see every weight: what is measured is held against weights that are really changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdeploy import native
from mdeploy.cli.main import run
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.run import run_parity
from mdeploy.conversion.coverage import cover_graph, cover_nets
from mdeploy.conversion.coverage.names import tensor_name
from mdeploy.conversion.coverage.nets import ChangeablePair
from mdeploy.conversion.golden import GoldenInputs, standard_inputs
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.errors import UnsupportedError
from mdeploy.formats.artifact import Artifact, GoldenCase
from mdeploy.formats.coverage import Coverage, SilentLayer, TensorReach
from mdeploy.formats.manifest import InputSpec, Manifest
from mdeploy.onnx.session import PlainSession
from mdeploy.tensors import Array

CHANGES = 40
SPEC = InputSpec("input", (1, 3, 8, 8), "float32", "NCHW", "rgb")


@pytest.fixture(scope="module")
def bundled(bundled_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The trained net that comes with the project, where many channels rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MDEPLOY_COVERAGE", "1")
        return convert(bundled_checkpoint, ConvertOptions(output=tmp_path_factory.mktemp("bundled") / "out")).artifact


def seen(artifact: Artifact) -> tuple[float, float]:
    """The share of drawn weights whose change moves an output past 1e-5 on our runtime, in all golden cases and in the
    given ones alone: by the tolerance rule for log-probabilities, written out once more."""
    cases, specs = artifact.golden_cases(), artifact.manifest.inputs
    pair = ChangeablePair(artifact.nets)
    by_all = by_given = 0
    for change in pair.draw(CHANGES, seed=5):
        with native.load_net(pair.changed(change), specs) as net, net.session() as session:

            def moves(case: GoldenCase) -> bool:
                reference = case.outputs[0].astype(np.float64)
                moved = np.abs(session.run(case.inputs)[0] - reference)
                return bool((moved > 1e-5 * np.maximum(1, np.abs(reference))).any())

            given = any(moves(case) for case in cases if not case.added)
            by_given += given
            by_all += given or any(moves(case) for case in cases if case.added)
    return by_all / CHANGES, by_given / CHANGES


def test_the_cases_of_the_bundled_net_see_its_weights_and_the_given_ones_alone_do_not(bundled: Artifact) -> None:
    coverage = bundled.manifest.coverage
    assert coverage is not None
    assert coverage.method == "gradients"
    assert coverage.share >= 0.999
    assert coverage.noticed == coverage.changed >= 8
    assert coverage.weights > 0.99 * bundled.manifest.parameters
    by_all, by_given = seen(bundled)
    assert by_all >= 0.97
    assert by_given <= 0.8


def test_added_cases_are_few_small_and_say_how_they_were_made(bundled: Artifact) -> None:
    added = [entry for entry in bundled.manifest.golden if entry.made is not None]
    assert [entry.case for entry in bundled.manifest.golden][:3] == ["zeros", "ones", "random"]
    assert 1 <= len(added) <= 16
    assert {entry.kind for entry in added} == {"random"}  # what older readers know
    spec = bundled.manifest.inputs[0]
    for case in bundled.golden_cases()[3:]:
        assert spec.mean is not None
        assert spec.std is not None
        pixels = (case.inputs[0][0].transpose(1, 2, 0) * spec.std + spec.mean) * 255
        np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-2)  # images, which compress
        assert -0.01 <= pixels.min() <= pixels.max() <= 255.01


def test_an_older_manifest_has_no_coverage(bundled: Artifact) -> None:
    data = bundled.manifest.to_json()
    assert Manifest.from_json(data) == bundled.manifest
    del data["coverage"]
    for entry in data["golden"]:
        entry.pop("made", None)
    older = Manifest.from_json(data)
    assert older.coverage is None
    assert older == replace(bundled.manifest, coverage=None, golden=older.golden)


def small_net(weight: Array, bias: Array) -> bytes:
    """Convolution, ReLU, mean, and an identity of its channels: what a channel gives is an output."""
    channels = weight.shape[0]
    nodes = [
        helper.make_node("Conv", ["input", "first.weight", "first.bias"], ["conv"]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("Gemm", ["flat", "last.weight"], ["output"], transB=1),
    ]
    constants = {"first.weight": weight, "first.bias": bias, "last.weight": np.eye(channels, dtype=np.float32)}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, SPEC.shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, (1, channels))],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def rare_net() -> bytes:
    """Its second channel needs red near its top and the other colours near zero."""
    weight = np.zeros((2, 3, 1, 1), np.float32)
    weight[0] = 1.0
    weight[1, :, 0, 0] = 1.0, -1.0, -1.0
    return small_net(weight, np.array([0.0, -0.75], np.float32))


def cover(model: bytes) -> tuple[list[GoldenInputs], Coverage]:
    cases = standard_inputs([SPEC])
    reference = PlainSession(onnx.ModelProto.FromString(model)).run(cases[0].inputs)
    covered = cover_graph(model, ["logits"], [SPEC], cases, reference, 1000)
    return list(covered.added), covered.coverage


def reached(coverage: Coverage) -> dict[str, tuple[int, int]]:
    return {tensor.name: (tensor.reached, tensor.weights) for tensor in coverage.tensors}


def test_a_channel_that_nothing_wakes_is_told() -> None:
    weight = np.full((3, 3, 1, 1), 0.5, np.float32)
    _, coverage = cover(small_net(weight, np.array([0.1, -100.0, 0.1], np.float32)))
    assert coverage.silent == (SilentLayer("first", 1),)
    assert coverage.searched
    assert reached(coverage)["first.weight"] == (6, 9)
    assert "1 channels of first never fire" in coverage.describe()


def test_a_channel_that_only_a_rare_image_wakes_is_woken() -> None:
    model = rare_net()
    added, coverage = cover(model)
    assert reached(coverage)["first.weight"] == (6, 6)
    session = PlainSession(onnx.ModelProto.FromString(model))
    waking = [case for case in added if session.run(case.inputs)[0][0, 1] > 0]
    assert waking
    assert all(session.run(case.inputs)[0][0, 1] == 0 for case in standard_inputs([SPEC])[:2])


def test_the_same_net_gets_the_same_cases() -> None:
    model = rare_net()
    first, again = cover(model), cover(model)
    assert first[1] == again[1]
    assert len(first[0]) == len(again[0]) > 0
    for one, other in zip(first[0], again[0], strict=True):
        np.testing.assert_array_equal(one.inputs[0], other.inputs[0])


def test_a_graph_without_a_form_in_torch_is_refused() -> None:
    model = onnx.ModelProto.FromString(small_net(np.ones((2, 3, 1, 1), np.float32), np.zeros(2, np.float32)))
    model.graph.node[1].op_type = "Hardmax"
    with pytest.raises(UnsupportedError, match="Hardmax"):
        cover_graph(model.SerializeToString(), ["logits"], [SPEC], standard_inputs([SPEC]), [np.zeros((1, 2))], 1000)


def test_net_pairs_are_measured_by_changing_weights(tiny_artifact: Artifact) -> None:
    specs = tiny_artifact.manifest.inputs
    zeros = [case for case in standard_inputs(specs) if case.entry.case == "zeros"]
    covered = cover_nets(tiny_artifact.nets, ["probabilities"], specs, zeros, tiny_artifact.manifest.macs)
    assert covered.coverage.method == "changes"
    assert covered.coverage.weights == 64
    assert covered.added  # zeros show no weight of the convolution
    alone = cover_nets(tiny_artifact.nets, ["probabilities"], specs, [*zeros, *covered.added], 1)
    assert not alone.added
    assert alone.coverage.reached == covered.coverage.reached


@pytest.mark.parametrize(
    ("name", "node", "expected"),
    [
        ("layer1.0.conv1.weight", "node_Conv_1", "layer1.0.conv1.weight"),
        ("onnx::Conv_123", "/layer3/layer3.0/conv1/Conv", "layer3.0.conv1.weight"),
        ("val_7", "conv", "conv.weight"),
    ],
)
def test_names_for_people(name: str, node: str, expected: str) -> None:
    made = helper.make_node("Conv", ["x", name], ["y"], name=node)
    assert tensor_name(name, [(made, list(made.input), list(made.output))]) == expected


def with_coverage(artifact: Artifact, folder: Path, coverage: Coverage | None) -> Path:
    shutil.copytree(artifact.path, folder)
    data = json.loads((folder / "manifest.json").read_text())
    if coverage is not None:
        data["coverage"] = coverage.to_json()
    (folder / "manifest.json").write_text(json.dumps(data))
    return folder


def of(share: float, searched: bool = False, method: str = "gradients", silent: Sequence[SilentLayer] = ()) -> Coverage:
    return Coverage(
        method, 1e-5, (TensorReach("w", 100000, round(100000 * share)),), 32, 32, tuple(silent), searched=searched
    )


@pytest.mark.parametrize(
    ("coverage", "agrees", "said"),
    [
        (of(0.9997), True, "golden cases reach 99.97 % of the weights"),
        (of(0.61), False, "golden cases reach 61.00 % of the weights"),
        (of(0.99999), True, "golden cases reach 99.99 % of the weights"),
        (of(0.97, True, silent=[SilentLayer("layer3.0", 12)]), True, "; 12 channels of layer3.0 never fire"),
        (of(0.5, True), False, "reach 50.00 %"),
        (of(0.85), True, "reach 85.00 %"),
        (of(0.96, method="changes"), True, "golden cases notice 96000 of 100000 weights"),
        (None, True, "was not measured"),
    ],
)
def test_parity_says_what_its_cases_reach(
    coverage: Coverage | None,
    agrees: bool,
    said: str,
    tiny_artifact: Artifact,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = with_coverage(tiny_artifact, tmp_path / "artifact", coverage)
    assert run(["parity", str(path), "--backends", "mdeploy"]) == 0
    out = capsys.readouterr().out
    assert said in out
    assert ("1 of 1 backend agrees" in out) == agrees
    assert ("that is no agreement yet" in out) != agrees
    assert run(["parity", str(path), "--backends", "mdeploy", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is True
    if coverage is not None:
        assert document["coverage"]["enough"] == (coverage.share > 0.9)


def test_added_cases_are_one_row_of_parity_and_each_that_fails_its_own(
    bundled: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    added = [entry.case for entry in bundled.manifest.golden if entry.made is not None]
    assert run(["parity", str(bundled.path), "--backends", "mdeploy"]) == 0
    out = capsys.readouterr().out
    assert f"{len(added)} added" in out
    assert added[0] not in out
    path = with_coverage(bundled, tmp_path / "broken", bundled.manifest.coverage)
    output = path / "golden" / added[0] / "output_0.npy"
    np.save(output, np.load(output) + 1)
    report = run_parity(ParityRequest(Artifact.open(path, verify=False), ["mdeploy"]))
    assert [output.case for output in report.backends[0].outputs if not output.comparison.passed] == [added[0]]
    assert report.exit_code == 1
