# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A fault in one operator is named by --layers and cut out by --bisect."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.pair import NetPair
from mdeploy.caffe2.subgraph import cut_nets
from mdeploy.cli.main import run
from mdeploy.comparison.bisect import find_culprit
from mdeploy.comparison.inspection import Inspection, inspect_layers
from mdeploy.comparison.layers import compare_layers, judge, trace_reference
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.run import run_parity
from mdeploy.comparison.tolerance import Tolerance
from mdeploy.comparison.trace import OnnxGraph
from mdeploy.errors import UnavailableError, UsageError
from mdeploy.formats.artifact import Artifact

Faulty = Callable[..., Artifact]
RULE = Tolerance(1e-5)
BACKENDS = pytest.mark.parametrize("backend", ["mdeploy", "caffe2"])


def needs(name: str) -> str:
    availability = get_backend(name).availability()
    if not availability.available:
        pytest.skip(f"{name}: {availability.reason}")
    return name


@BACKENDS
def test_every_tensor_is_compared_and_agrees(backend: str, calibrated: Artifact) -> None:
    report = compare_layers(ParityRequest(calibrated, [needs(backend)], tolerance=RULE))
    assert report.exit_code == 0
    net = NetDef.FromString(calibrated.predict_net.read_bytes())
    compared = {layer.blob for layer in report.backends[0].layers}
    assert compared >= {
        operator.output[0] for operator in net.op if operator.type in ("Conv", "Relu", "Mul", "Softmax")
    }
    assert compared >= set(net.external_output)


def drop_relu(net: Any) -> str:
    operator = [operator for operator in net.op if operator.type == "Relu"][3]
    operator.type = "Copy"
    return str(operator.output[0])


def shift_pad(net: Any) -> str:
    operator, argument = [
        (operator, argument)
        for operator in net.op
        for argument in operator.arg
        if operator.type == "Conv" and argument.name == "pads" and argument.ints[1] > 0
    ][2]
    argument.ints[1] -= 1
    argument.ints[3] += 1
    return str(operator.output[0])


def change_weight(net: Any) -> str:
    fill = max(net.op, key=lambda operator: sum(len(argument.floats) for argument in operator.arg))
    values = next(argument.floats for argument in fill.arg if argument.name == "values")
    values[len(values) // 2] += 1.0
    return str(fill.output[0])


FAULTS: list[tuple[Callable[[Any], str], str]] = [
    (drop_relu, "predict_net.pb"),
    (shift_pad, "predict_net.pb"),
    (change_weight, "init_net.pb"),
]


@BACKENDS
@pytest.mark.parametrize(("fault", "file"), FAULTS, ids=["dropped_relu", "wrong_pad", "changed_weight"])
def test_a_fault_is_named_and_cut_out(
    backend: str, fault: Callable[[Any], str], file: str, with_fault: Faulty, tmp_path: Path
) -> None:
    needs(backend)
    touched: list[str] = []
    artifact = with_fault(lambda net: touched.append(fault(net)), file)
    net = NetDef.FromString(artifact.predict_net.read_bytes())
    (culprit,) = [o for o in net.op if touched[0] in (o.output if file == "predict_net.pb" else o.input)]

    result = inspect_layers(ParityRequest(artifact, [backend], tolerance=RULE, subgraph=tmp_path / "part"))
    assert result.exit_code == 1
    first = result.layers.backends[0].first_beyond
    assert first is not None
    assert first.blob == culprit.output[0]

    assert result.culprit is not None
    assert result.culprit.subgraph.output == culprit.output[0]
    assert result.culprit.operators == (culprit.type,)
    check_part(result, backend, culprit)


def check_part(result: Inspection, backend: str, culprit: Any) -> None:
    """The part is a whole artifact that shows the fault again, and only the fault."""
    assert result.subgraph is not None
    part = Artifact.open(result.subgraph)
    net = NetDef.FromString(part.predict_net.read_bytes())
    assert [operator.type for operator in net.op] == [culprit.type]
    assert set(part.manifest.files) >= {"model.onnx", "fault.json"}
    onnx.checker.check_model(onnx.load(result.subgraph / "model.onnx"))
    report = run_parity(ParityRequest(part, [backend, "onnxruntime"], tolerance=RULE))
    assert {b.name: b.status for b in report.backends} == {backend: "failed", "onnxruntime": "passed"}


def test_errors_that_no_single_layer_makes_grow_a_part(calibrated: Artifact, tmp_path: Path) -> None:
    # At 1e-9 the rounding of several layers together is past the tolerance; the part is then of more than one operator
    # or a single one whose own rounding is enough: either way it fails by itself.
    backend = needs("caffe2")
    tolerance = Tolerance(1e-9)
    result = inspect_layers(ParityRequest(calibrated, [backend], tolerance=tolerance, subgraph=tmp_path / "part"))
    assert result.culprit is not None
    assert result.subgraph is not None
    assert run_parity(ParityRequest(Artifact.open(result.subgraph), [backend], tolerance=tolerance)).exit_code == 1


class TestPairs:
    """Any two runtimes."""

    @pytest.mark.parametrize(
        ("reference", "backend", "share"),
        [
            ("onnxruntime", "onnxruntime", 0.9),
            ("onnxruntime", "torch", 0.5),
            ("mdeploy", "torch", 0.5),
            ("caffe2", "mdeploy", 1.0),
        ],
    )
    def test_agree(self, reference: str, backend: str, share: float, calibrated: Artifact) -> None:
        options = PrepareOptions(source=calibrated.path.parent / calibrated.manifest.source.file)
        right = trace_reference(ParityRequest(calibrated, options=options, reference=needs(reference)))
        report = compare_layers(ParityRequest(calibrated, [needs(backend)], options, tolerance=RULE), right)
        assert report.exit_code == 0
        net = NetDef.FromString(calibrated.predict_net.read_bytes())
        made = {name for operator in net.op for name in operator.output}
        compared = {layer.blob for layer in report.backends[0].layers}
        assert len(compared) >= share * len(made)
        assert compared >= set(net.external_output)
        differs = any(layer.comparison.max_abs for layer in report.backends[0].layers)
        assert differs or backend == "onnxruntime", "two programs do not round alike everywhere"

    def test_a_fault_in_the_onnx_graph_is_named_and_cut_out_by_cutting(
        self, calibrated: Artifact, tmp_path: Path
    ) -> None:
        folder = tmp_path / "faulty"
        shutil.copytree(calibrated.path, folder)
        model = onnx.load(folder / "model.onnx")
        node = [node for node in model.graph.node if node.op_type == "Conv"][4]
        weight = next(w for w in model.graph.initializer if w.name == node.input[1])
        values = onnx.numpy_helper.to_array(weight).copy()
        values.flat[0] += 1.0
        weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
        change_file(folder, "model.onnx", model.SerializeToString())
        result = inspect_layers(
            ParityRequest(
                Artifact.open(folder),
                ["onnxruntime"],
                tolerance=RULE,
                reference=needs("mdeploy"),
                subgraph=tmp_path / "part",
            )
        )
        assert result.exit_code == 1
        assert result.culprit is not None
        assert result.culprit.subgraph.output == node.output[0]
        assert result.culprit.operators == ("Conv",)
        assert result.subgraph is not None
        report = run_parity(ParityRequest(Artifact.open(result.subgraph), ["mdeploy", "onnxruntime"], tolerance=RULE))
        assert {b.name: b.status for b in report.backends} == {"mdeploy": "passed", "onnxruntime": "failed"}

    def test_pytorch_is_compared_and_not_bisected(self, with_fault: Faulty, calibrated: Artifact) -> None:
        artifact = with_fault(drop_relu)
        options = PrepareOptions(source=calibrated.path.parent / calibrated.manifest.source.file)
        right = trace_reference(ParityRequest(artifact, options=options, reference=needs("mdeploy")))
        report = compare_layers(ParityRequest(artifact, ["torch"], options, tolerance=RULE), right)
        first = report.backends[0].first_beyond
        assert first is not None, "a fault in the reference shows as well"
        with pytest.raises(UsageError, match="PyTorch cannot"):
            find_culprit(ParityRequest(artifact, options=options, tolerance=RULE), report.backends[0], right)

    def test_the_reference_is_not_compared_with_itself(self, calibrated: Artifact) -> None:
        right = trace_reference(ParityRequest(calibrated, reference=needs("mdeploy")))
        with pytest.raises(UsageError, match="is the reference"):
            compare_layers(ParityRequest(calibrated, ["mdeploy"], tolerance=RULE), right)
        assert "mdeploy" not in [
            b.name for b in compare_layers(ParityRequest(calibrated, None, tolerance=RULE), right).backends
        ]

    def test_without_an_onnx_graph_nothing_can_be_cut(self, tiny_artifact: Artifact) -> None:
        right = trace_reference(ParityRequest(tiny_artifact, reference=needs("caffe2")))
        with pytest.raises(UnavailableError, match=r"no model\.onnx"):
            compare_layers(ParityRequest(tiny_artifact, ["onnxruntime"], tolerance=RULE), right)


def change_file(folder: Path, name: str, data: bytes) -> None:
    """Replace a file of an artifact, its hash too."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_an_intermediate_tensor_is_judged_by_its_own_scale() -> None:
    reference, actual = np.array([1000.0, 0.0], np.float32), np.array([1000.0, 0.005], np.float32)
    _, required, passed = judge(reference, actual, None, Tolerance(1e-5))
    assert (required, passed) == (pytest.approx(5e-6), True)
    assert not judge(reference, actual, "logits", Tolerance(1e-5))[2]
    assert not judge(reference, np.array([1000.0, np.nan], np.float32), None, Tolerance(1.0))[2]


class TestTrace:
    def test_values_are_those_of_the_graph(self, calibrated: Artifact) -> None:
        assert calibrated.model_onnx is not None
        graph = OnnxGraph(calibrated.model_onnx)
        case = calibrated.golden_cases()[2]
        trace = graph.trace(case.inputs)
        np.testing.assert_array_equal(trace[calibrated.manifest.inputs[0].name], case.inputs[0])
        np.testing.assert_allclose(trace[calibrated.manifest.outputs[0].name], case.outputs[0], rtol=1e-5, atol=1e-5)
        relu = next(blob for blob in trace if graph.operator(blob) == "Relu")
        assert trace[relu].min() == 0.0


class TestCut:
    INIT = NetDef()
    PREDICT = NetDef()

    def setup_method(self) -> None:
        self.INIT, self.PREDICT = NetDef(name="i"), NetDef(name="p")
        for name in ("w", "v"):
            self.INIT.op.add(type="ConstantFill", output=[name])
        self.INIT.op.add(type="Scale", input=["v"], output=["v2"])
        for kind, inputs, output in (
            ("FC", ["x", "w"], "a"),
            ("Relu", ["a"], "a"),
            ("Mul", ["a", "v2"], "b"),
            ("Sum", ["a", "b"], "c"),
        ):
            self.PREDICT.op.add(type=kind, input=inputs, output=[output])

    def test_one_operator_between_known_blobs(self) -> None:
        part = cut_nets(NetPair(self.INIT, self.PREDICT), {"x", "a", "b", "c"}, "c", "n")
        assert (part.inputs, part.weights, part.operators) == (("a", "b"), (), (3,))

    def test_weights_come_with_what_makes_them(self) -> None:
        part = cut_nets(NetPair(self.INIT, self.PREDICT), {"a"}, "b", "n")
        assert (part.inputs, part.weights, part.operators) == (("a",), ("v2",), (2,))
        assert [operator.output[0] for operator in part.nets.init.op] == ["v", "v2"]

    def test_unknown_blobs_are_computed_from_further_back(self) -> None:
        part = cut_nets(NetPair(self.INIT, self.PREDICT), {"x"}, "c", "n")
        assert (part.inputs, part.weights, part.operators) == (("x",), ("w", "v2"), (0, 1, 2, 3))

    def test_a_blob_written_in_place_is_its_last_value_before_the_reader(self) -> None:
        part = cut_nets(NetPair(self.INIT, self.PREDICT), {"x"}, "b", "n")
        assert part.operators == (0, 1, 2)


class TestCommand:
    def test_json(self, with_fault: Faulty, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        backend = needs("mdeploy")
        artifact = with_fault(drop_relu)
        flags = ["--layers", "--bisect", "--part", str(tmp_path / "part"), "--backends", backend, "--json"]
        assert run(["parity", str(artifact.path), *flags]) == 1
        report = json.loads(capsys.readouterr().out)
        layers = report["backends"][0]["layers"]
        required = [np.inf if layer["required_tolerance"] is None else layer["required_tolerance"] for layer in layers]
        assert required == sorted(required, reverse=True), "worst first"
        assert report["culprit"]["operators"] == ["Copy"]
        assert report["culprit"]["artifact"] == str(tmp_path / "part")

    def test_a_reference_is_asked_for_with_layers_only(
        self, calibrated: Artifact, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["parity", str(calibrated.path), "--reference", "mdeploy"]) == 2
        flags = ["--layers", "--reference", needs("mdeploy"), "--backends", "onnxruntime"]
        assert run(["parity", str(calibrated.path), *flags]) == 0
        assert "onnxruntime, graph cut" in capsys.readouterr().out

    def test_table(self, calibrated: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["parity", str(calibrated.path), "--layers", "--backends", needs("mdeploy"), "--top", "3"]) == 0
        assert "every tensor is within tol 1e-05" in capsys.readouterr().out

    def test_the_part_does_not_replace_somebodys_folder(
        self, with_fault: Faulty, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        backend = needs("mdeploy")
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.tex").write_text("x")
        path = str(with_fault(drop_relu).path)
        assert run(["parity", path, "--bisect", "--part", str(tmp_path / "mine"), "--backends", backend]) == 3
        assert (tmp_path / "mine" / "thesis.tex").exists()
