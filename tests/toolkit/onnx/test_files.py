# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX files as people have them, through the whole of ``convert``: the nets answer as onnxruntime does to the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.caffe2.translate import UnsupportedModelError
from mdeploy.conversion.model import Conversion, ConvertOptions, convert
from mdeploy.conversion.sources import SourceOptions
from mdeploy.errors import CheckFailed, UnsupportedError

node = helper.make_node
FLOAT = TensorProto.FLOAT
NEWEST = onnx.defs.onnx_opset_version()


def random(*shape: int, seed: int = 0, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, tuple[Any, ...]],
    constants: dict[str, Any],
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    ir_version: int = 8,
    **options: Any,
) -> Path:
    """A file; outputs are of the inputs' type, without a shape. ``as_inputs`` declares constants as inputs too."""
    dtype = options.pop("dtype", FLOAT)
    declared = [helper.make_tensor_value_info(name, dtype, shape) for name, shape in inputs.items()]
    if options.pop("as_inputs", False):
        declared += [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in constants.items()
        ]
    graph = helper.make_graph(
        list(nodes),
        "g",
        declared,
        [helper.make_tensor_value_info(name, dtype, None) for name in outputs],
        initializer=[numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)
    onnx.save(model, path, **options)
    return path


def classifier(path: Path, dtype: Any = np.float32, batch: int | str = 1, **more: Any) -> Path:
    """Conv, BatchNormalization, Relu, GlobalAveragePool, Flatten, Gemm, Softmax: what every opset since 7 has."""
    constants = {
        "w": random(6, 3, 3, 3, dtype=dtype),
        "b": random(6, seed=1, dtype=dtype),
        **{name: np.abs(random(6, seed=seed, dtype=dtype)) + dtype(0.5) for seed, name in enumerate("somv")},
        "fw": random(5, 6, seed=7, dtype=dtype),
        "fb": random(5, seed=8, dtype=dtype),
    }
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", *"somv"], ["n"]),
        node("Relu", ["n"], ["r"]),
        node("GlobalAveragePool", ["r"], ["g"]),
        node("Flatten", ["g"], ["f"]),
        node("Gemm", ["f", "fw", "fb"], ["l"], transB=1),
        node("Softmax", ["l"], ["y"], axis=1),
    ]
    return save(
        path, nodes, {"x": (batch, 3, 8, 8)}, constants, dtype=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), **more
    )


def check(path: Path, tmp_path: Path, tolerance: float = 1e-5, shapes: dict[str, Any] | None = None) -> Conversion:
    """Convert, run our runtime on random input, and compare with onnxruntime on the file itself."""
    source = SourceOptions(input_shapes=shapes or {})
    conversion = convert(path, ConvertOptions(output=tmp_path / "out", source=source))
    artifact = conversion.artifact
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    specs = artifact.manifest.inputs
    arrays = [random(*spec.shape, seed=number + 20) for number, spec in enumerate(specs)]
    types = {"tensor(double)": np.float64, "tensor(float16)": np.float16}
    feeds = {
        item.name: array.astype(types.get(item.type, np.float32))
        for item, array in zip(session.get_inputs(), arrays, strict=True)
    }
    expected = session.run(None, feeds)
    running = get_backend("mdeploy").prepare(artifact, PrepareOptions(threads=1))
    answers = running.run(arrays)
    running.close()
    for answer, right in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer, right.astype(np.float32), rtol=tolerance, atol=tolerance)
    return conversion


@pytest.mark.parametrize("opset", range(7, NEWEST + 1))
def test_every_opset(tmp_path: Path, opset: int) -> None:
    check(classifier(tmp_path / "m.onnx", opset=opset, ir_version=min(onnx.IR_VERSION, 10)), tmp_path)


def test_initializers_as_inputs(tmp_path: Path) -> None:
    artifact = check(classifier(tmp_path / "m.onnx", opset=8, ir_version=3, as_inputs=True), tmp_path).artifact
    assert [spec.name for spec in artifact.manifest.inputs] == ["x"]


def test_external_data(tmp_path: Path) -> None:
    path = classifier(tmp_path / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").stat().st_size > 600
    check(path, tmp_path)


def test_half_precision(tmp_path: Path) -> None:
    conversion = check(classifier(tmp_path / "m.onnx", np.float16), tmp_path, tolerance=5e-3)
    assert any("was cast to float32, which moves the outputs by" in message for message in conversion.messages)
    assert conversion.artifact.manifest.inputs[0].dtype == "float32"


def test_double_precision(tmp_path: Path) -> None:
    double = classifier(tmp_path / "double.onnx", np.float64)
    conversion = convert(double, ConvertOptions(output=tmp_path / "out"))
    assert any("was cast to float32; onnxruntime cannot run it" in message for message in conversion.messages)
    (x,), (expected,) = (conversion.artifact.golden_cases()[-1].inputs, conversion.artifact.golden_cases()[-1].outputs)
    answer = onnx.reference.ReferenceEvaluator(str(double)).run(None, {"x": x.astype(np.float64)})[0]
    np.testing.assert_allclose(expected, answer, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("shape", "batch"), [(None, 1), ((4, 3, 8, 8), 4)])
def test_an_open_batch(tmp_path: Path, shape: tuple[int, ...] | None, batch: int) -> None:
    path = classifier(tmp_path / "m.onnx", batch="n")
    manifest = check(path, tmp_path, shapes={"": shape} if shape else None).artifact.manifest
    assert (manifest.inputs[0].shape[0], manifest.outputs[0].shape) == (batch, (batch, 5))


def test_channels_last(tmp_path: Path) -> None:
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        node("Conv", ["t", "w"], ["c"], auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Transpose", ["c"], ["h"], perm=[0, 2, 3, 1]),
        node("Add", ["h", "b"], ["a"]),
        node("Relu", ["a"], ["r"]),
        node("ReduceMean", ["r"], ["p"], axes=[1, 2], keepdims=0),
        node("MatMul", ["p", "fw"], ["l"]),
        node("Softmax", ["l"], ["y"]),
    ]
    constants = {"w": random(6, 3, 3, 3), "b": random(6, seed=1), "fw": random(6, 5, seed=2)}
    manifest = check(
        save(tmp_path / "m.onnx", nodes, {"x": (1, 9, 9, 3)}, constants, opset=13), tmp_path
    ).artifact.manifest
    assert (manifest.inputs[0].layout, manifest.inputs[0].color_order) == ("NHWC", "rgb")


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["image", "w"], ["c"]),
        node("ReduceMean", ["c"], ["p"], axes=[2, 3], keepdims=0),
        node("Gemm", ["vector", "g"], ["v"]),
        node("Add", ["p", "v"], ["raw"]),
        node("Softmax", ["raw"], ["y"]),
    ]
    constants = {"w": random(4, 3, 3, 3), "g": random(7, 4, seed=1)}
    inputs = {"image": (1, 3, 8, 8), "vector": (1, 7)}
    manifest = check(save(tmp_path / "m.onnx", nodes, inputs, constants, ("y", "raw")), tmp_path).artifact.manifest
    assert [spec.name for spec in manifest.inputs] == ["image", "vector"]
    assert [(spec.name, spec.meaning) for spec in manifest.outputs] == [("y", "probabilities"), ("raw", "logits")]


def test_a_runtime_that_reads_the_standard_otherwise(tmp_path: Path) -> None:
    # onnxruntime leaves the dilation out of SAME padding.
    pool = node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], dilations=[2, 2], auto_pad="SAME_UPPER")
    path = save(tmp_path / "m.onnx", [pool], {"x": (1, 3, 8, 8)}, {})
    with pytest.raises(CheckFailed, match=r"by the ONNX standard and .* on onnxruntime.*give explicit pads"):
        convert(path, ConvertOptions(output=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------ refused, all at once, and nothing written
def branch(kind: str, name: str) -> onnx.GraphProto:
    return helper.make_graph([node(kind, ["x"], [name])], name, [], [helper.make_tensor_value_info(name, FLOAT, None)])


def test_everything_that_cannot_be_is_named_at_once(tmp_path: Path) -> None:
    nodes = [
        node("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="quantise"),
        node("DequantizeLinear", ["q", "scale", "zero"], ["d"], name="dequantise"),
        node("LSTM", ["s", "W", "R"], ["h"], hidden_size=4, name="memory"),
        node("NonZero", ["x"], ["found"], name="where_not_zero"),
        node("Cast", ["found"], ["places"], to=FLOAT),
        node("ReduceMax", ["x"], ["top"], keepdims=0),
        node("Greater", ["top", "nothing"], ["bright"]),
        node("If", ["bright"], ["chosen"], "choice", then_branch=branch("Relu", "a"), else_branch=branch("Neg", "b")),
    ]
    constants = {
        "scale": np.float32(0.1),
        "zero": np.uint8(0),
        "nothing": np.float32(0),
        "W": random(1, 16, 3),
        "R": random(1, 16, 4, seed=1),
    }
    path = save(
        tmp_path / "m.onnx", nodes, {"x": (1, 3, 4, 4), "s": (5, 1, 3)}, constants, ("d", "h", "places", "chosen")
    )
    with pytest.raises(UnsupportedModelError) as caught:
        convert(path, ConvertOptions(output=tmp_path / "out"))
    assert caught.value.exit_code == 4
    text = str(caught.value)
    for words in (
        "quantise (QuantizeLinear): quantised ONNX is not read",
        "dequantise (DequantizeLinear): quantised ONNX is not read",
        "memory (LSTM): a recurrent network",
        "where_not_zero (NonZero): a result whose shape depends on the data",
        "choice (If): control flow",
    ):
        assert words in text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("nodes", "inputs", "words"),
    [
        ([node("Relu", ["x"], ["y"])], {"x": ("n", 3, "h", "w")}, "--input-shape x=1,3,224,224"),
        (
            [node("Cast", ["x"], ["p"], to=TensorProto.INT64), node("Pad", ["c", "p"], ["y"])],
            {"x": (4,)},
            "y (Pad): pads is computed while the net runs and does not fold to a constant",
        ),
    ],
)
def test_shapes_that_stay_open(
    tmp_path: Path, nodes: list[Any], inputs: dict[str, tuple[Any, ...]], words: str
) -> None:
    path = save(tmp_path / "m.onnx", nodes, inputs, {"c": random(1, 1)} if len(nodes) > 1 else {})
    with pytest.raises(UnsupportedError) as caught:
        convert(path, ConvertOptions(output=tmp_path / "out"))
    assert caught.value.exit_code == 4
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()
