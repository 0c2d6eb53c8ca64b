# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Traps of operators that move data, and of nets as a whole: right in real Caffe2, where the naive form is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from onnx import helper

from mdeploy.caffe2.check import check_nets
from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.pair import NetPair
from mdeploy.caffe2.translate import translate
from mdeploy.errors import MdeployError
from mdeploy.onnx.prepare import prepare

node = helper.make_node
Judge = Callable[..., Any]


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# ------------------------------------------------------------------ shapes
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, 3])
def test_flatten_at_any_axis(judge: Judge, raw: Any, axis: int) -> None:
    x = random(2, 3, 4)
    judge(node("Flatten", ["x"], ["y"], axis=axis), {"x": x})
    if axis < 0:
        raw.refuses("Flatten", {"x": x}, axis=axis)


@pytest.mark.parametrize(("shape", "allowzero"), [([0, -1], 0), ([-1], 0), ([2, 0, 2, 2], 0), ([4, 6], 1)])
def test_reshape_has_its_shape_written_out(judge: Judge, shape: list[int], allowzero: int) -> None:
    reshape = node("Reshape", ["x", "s"], ["y"], allowzero=allowzero)
    verdict = judge(reshape, {"x": random(2, 3, 4)}, constants={"s": np.array(shape)})
    assert verdict.operators == ["Reshape"]
    assert min(verdict.arguments[0]["shape"]) > 0


@pytest.mark.parametrize("opset", [11, 13])
def test_squeeze_and_unsqueeze_in_both_spellings(judge: Judge, raw: Any, opset: int) -> None:
    x = random(2, 1, 3, 1)
    for kind, axes in (("Squeeze", [1, -1]), ("Squeeze", None), ("Unsqueeze", [0, -1, 3])):
        given = {"axes": axes} if axes is not None and opset < 13 else {}
        constants = {"a": np.array(axes)} if axes is not None and opset >= 13 else {}
        judge(node(kind, ["x", *constants], ["y"], **given), {"x": x}, constants=constants, opset=opset)
    raw.refuses("Squeeze", {"x": x}, dims=[0])


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_split_in_every_spelling(judge: Judge, opset: int) -> None:
    x, outputs = random(2, 7), ("y", "z", "w")
    sizes = {"s": np.array([1, 4, 2])} if opset >= 13 else {}
    given = {} if sizes else {"split": [1, 4, 2]}
    split = node("Split", ["x", *sizes], outputs, axis=-1, **given)
    judge(split, {"x": x}, constants=sizes, opset=opset, outputs=outputs)
    if opset >= 18:  # 3, 3, 1
        judge(node("Split", ["x"], outputs, axis=1, num_outputs=3), {"x": x}, opset=opset, outputs=outputs)


def test_an_end_of_minus_one_is_the_end_in_caffe2(judge: Judge, raw: Any) -> None:
    x = random(2, 5)
    cut = {"s": np.array([0]), "e": np.array([-1]), "a": np.array([1])}
    assert judge(node("Slice", ["x", "s", "e", "a"], ["y"]), {"x": x}, constants=cut).outputs[0].shape == (2, 4)
    assert raw.run("Slice", {"x": x}, starts=[0, 0], ends=[-1, -1])[0].shape == (2, 5)


def test_concat_takes_axis_or_order(judge: Judge, raw: Any) -> None:
    x = random(2, 3, 4, 5)
    judge(node("Concat", ["x", "x"], ["y"], axis=-2), {"x": x})
    raw.refuses("Concat", {"x": x}, outputs=2, axis=1, order="NCHW")


def test_transpose_reverses_by_default(judge: Judge) -> None:
    judge(node("Transpose", ["x"], ["y"]), {"x": random(2, 3, 4)})


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_of_constant_and_computed_rows(judge: Judge, raw: Any, axis: int) -> None:
    x = random(3, 4, 5)
    gather = node("Gather", ["x", "i"], ["y"], axis=axis)
    for indices in (np.array([0, -1]), np.array([[1, -2], [0, 0]]), np.array(-1)):
        judge(gather, {"x": x}, constants={"i": indices})
        judge(gather, {"x": x, "i": indices})
    raw.refuses("Gather", {"x": x, "i": np.array([0, -1])}, axis=1)  # axis 0 takes it


def test_reflection_further_than_the_image(make_model: Callable[..., Any], raw: Any) -> None:
    x = random(1, 1, 2, 2)
    wide = {"p": np.array([0, 0, 0, 2, 0, 0, 0, 2])}
    model = prepare(
        ir.from_proto(make_model([node("Pad", ["x", "p"], ["y"], mode="reflect")], {"x": x}, constants=wide))
    )
    with pytest.raises(MdeployError, match="reflects further than axis 3 is long"):
        translate(model.model, "wide")
    # Caffe2 reads past the end of the image instead of stopping.
    assert raw.run("PadImage", {"x": x}, pads=[0, 2, 0, 2], mode="reflect")[0].shape == (1, 1, 2, 6)


def test_bilinear_resizing_does_not_exist(judge: Judge, raw: Any) -> None:
    x = random(1, 2, 4, 5)
    raw.refuses("ResizeBilinear", {"x": x}, height_scale=2.0, width_scale=2.0)
    resize = node("Resize", ["x", "", "s"], ["y"], mode="linear")
    verdict = judge(resize, {"x": x}, constants={"s": np.array([1, 1, 2, 2], np.float32)})
    assert "FC" in verdict.operators


# ------------------------------------------------------------------ types, indices
@pytest.mark.parametrize(("name", "onnx_type", "caffe2_type"), [("int32", 6, 2), ("int64", 7, 10), ("float32", 1, 1)])
def test_types_have_other_numbers(judge: Judge, raw: Any, name: str, onnx_type: int, caffe2_type: int) -> None:
    x = np.array([[1.5, -2.5, 3.0]], np.float32)
    nodes = [node("Relu", ["x"], ["r"]), node("Cast", ["r"], ["y"], to=onnx_type)]
    verdict = judge(nodes, {"x": x}, skip=("remove-no-ops", "simplify"))
    assert verdict.arguments[-1] == {"to": caffe2_type}
    assert verdict.outputs[0].dtype == name
    if onnx_type == 6:  # bytes to Caffe2... which is 3; its 6 is uint8
        assert raw.run("Cast", {"x": x}, to=6)[0].dtype == np.uint8


def test_argmax_counts_from_the_front_by_default(judge: Judge, raw: Any) -> None:
    x = random(3, 4)
    assert judge(node("ArgMax", ["x"], ["y"]), {"x": x}).outputs[0].shape == (1, 4)
    assert raw.run("ArgMax", {"x": x})[0].shape == (3, 1)


# ------------------------------------------------------------------ matrices
def test_fc_flattens_unless_told(judge: Judge, raw: Any) -> None:
    x, w = random(2, 3, 4), random(5, 4, seed=1)
    verdict = judge(node("MatMul", ["x", "w"], ["y"]), {"x": x}, constants={"w": w.T.copy()})
    assert verdict.outputs[0].shape == (2, 3, 5)
    assert verdict.arguments[0]["axis"] == 2
    raw.refuses("FC", {"x": x, "w": w, "b": random(5)})


def test_products_of_unequal_rank_need_broadcast(judge: Judge, raw: Any) -> None:
    x, z = random(2, 3, 4), random(4, 5, seed=1)
    judge(node("MatMul", ["x", "z"], ["y"]), {"x": x, "z": z})
    raw.refuses("BatchMatMul", {"x": x, "z": z})


# ------------------------------------------------------------------ what training leaves behind
@pytest.mark.parametrize("opset", [7, 10, 12])
def test_dropout_says_that_it_tests(judge: Judge, raw: Any, opset: int) -> None:
    x = random(2, 3)
    ratio = {"p": np.float32(0.4)} if opset >= 12 else {}
    given = {} if ratio else {"ratio": 0.4}
    nodes = [node("Dropout", ["x", *ratio], ["d"], **given), node("Relu", ["d"], ["y"])]
    judge(nodes, {"x": x}, constants=ratio, opset=opset)
    judge(nodes, {"x": x}, constants=ratio, opset=opset, skip=("remove-no-ops", "simplify"))
    raw.refuses("Dropout", {"x": x}, outputs=2, ratio=0.4)


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
def test_batch_norm_is_in_inference_form(judge: Judge, raw: Any, opset: int) -> None:
    constants = {n: np.abs(random(3, seed=i)) + 0.1 for i, n in enumerate("sbmv")}
    x = random(2, 3, 4, 4)
    given = {"training_mode": 0} if opset >= 14 else {}
    judge(node("BatchNormalization", list("xsbmv"), ["y"], **given), {"x": x}, constants=constants, opset=opset)
    inputs = {"x": x, **constants}
    raw.refuses("SpatialBN", inputs, order="NCHW")
    raw.refuses("SpatialBN", inputs, is_test=0)
    if opset >= 14:
        training = node("BatchNormalization", list("xsbmv"), ["y", "m2", "v2"], training_mode=1)
        with pytest.raises(MdeployError, match="training mode"):
            judge(training, {"x": x}, constants=constants, opset=opset, outputs=("y", "m2", "v2"))


# ------------------------------------------------------------------ activations
def test_defaults_differ(judge: Judge, raw: Any) -> None:
    x = random(2, 3) * 3
    for kind, onnx_name in (("HardSigmoid", "HardSigmoid"), ("Elu", "Elu"), ("Selu", "Selu")):
        judge(node(onnx_name, ["x"], ["y"]), {"x": x})
        judge(node(onnx_name, ["x"], ["y"], alpha=0.3), {"x": x})
        assert raw.run(kind, {"x": x})[0].shape == x.shape
    judge(node("Selu", ["x"], ["y"], gamma=2.0), {"x": x})
    ignored, right = raw.run("Selu", {"x": x}, gamma=2.0)[0], raw.run("Selu", {"x": x}, scale=2.0)[0]
    assert np.abs(ignored - right).max() > 0.5
    pytorchs = judge(node("HardSigmoid", ["x"], ["y"], alpha=1 / 6), {"x": x}).outputs[0]
    assert np.abs(raw.run("HardSigmoid", {"x": x})[0] - pytorchs).max() > 0.01


@pytest.mark.parametrize("kind", ["HardSwish", "Celu", "LogSoftmax", "GlobalAveragePool", "Resize", "Pad"])
def test_operators_that_caffe2_does_not_have(raw: Any, kind: str) -> None:
    raw.refuses(kind, {"x": random(1, 2, 4, 4)})


@pytest.mark.parametrize("shape", [(3, 1, 1), (1,), (1, 3, 1, 1), (4, 5)])
def test_slopes_of_prelu(judge: Judge, raw: Any, shape: tuple[int, ...]) -> None:
    x, slope = random(2, 3, 4, 5), random(*shape, seed=1)
    judge(node("PRelu", ["x", "w"], ["y"]), {"x": x}, constants={"w": slope})
    if len(shape) == 2:
        raw.refuses("PRelu", {"x": x, "w": slope})


def test_group_norm_takes_no_num_groups(judge: Judge, raw: Any) -> None:
    x, scale, bias = random(2, 6, 4, 4), random(6, seed=1), random(6, seed=2)
    norm = node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=3)
    judge(norm, {"x": x}, opset=21, constants={"s": scale, "b": bias})
    raw.refuses("GroupNorm", {"x": x, "s": scale, "b": bias}, num_groups=3)  # it wants 6 to be a multiple of 32


def test_transposed_convolution_has_no_dilation(judge: Judge, raw: Any) -> None:
    x, w = random(1, 2, 4, 4), random(2, 3, 2, 2, seed=1)
    conv = node("ConvTranspose", ["x", "w"], ["y"], dilations=[2, 2])
    assert judge(conv, {"x": x}, constants={"w": w}).outputs[0].shape == (1, 3, 6, 6)
    ignored = raw.run("ConvTranspose", {"x": x, "w": w}, kernels=[2, 2], dilations=[2, 2])[0]
    assert ignored.shape == (1, 3, 5, 5)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_auto_pad_of_pools(judge: Judge, raw: Any, kind: str, mode: str) -> None:
    x = random(1, 2, 7, 8)
    pool = node(kind, ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 2], auto_pad=mode)
    right = judge(pool, {"x": x}).outputs[0]
    ignored = raw.run(kind, {"x": x}, kernels=[3, 2], strides=[2, 2], auto_pad=mode)[0]
    assert (ignored.shape != right.shape) == (mode != "VALID")


def test_pads_as_wide_as_the_kernel(raw: Any) -> None:
    raw.refuses("MaxPool", {"x": random(1, 1, 4, 4)}, kernels=[2, 2], pads=[2, 0, 0, 0])


# ------------------------------------------------------------------ nets
def test_a_name_twice_with_other_values(raw: Any) -> None:
    predict = NetDef(name="p", external_input=["x"], external_output=["y"])
    op = predict.op.add(type="LeakyRelu", input=["x"], output=["y"])
    op.arg.add(name="alpha", f=0.1)
    op.arg.add(name="alpha", f=0.2)
    assert any("twice" in problem for problem in check_nets(NetPair(NetDef(name="i"), predict)))
    with pytest.raises(MdeployError):
        raw.run_net(predict, {"x": random(2, 3)})


def test_conv_in_place(raw: Any) -> None:
    predict = NetDef(name="p", external_input=["x", "w"], external_output=["x"])
    op = predict.op.add(type="Conv", input=["x", "w"], output=["x"])
    op.arg.add(name="kernels").ints.extend([1, 1])
    assert any("same blob" in problem for problem in check_nets(NetPair(NetDef(name="i"), predict)))
    with pytest.raises(MdeployError):
        raw.run_net(predict, {"x": random(1, 2, 3, 3), "w": random(2, 2, 1, 1)})


def test_inputs_and_outputs_that_are_not_declared(raw: Any) -> None:
    for change in ({"external_output": ["z"]}, {"external_input": ["z"]}):
        net = {"external_input": ["x"], "external_output": ["y"], **change}
        predict = NetDef(name="p", **net)
        predict.op.add(type="Relu", input=["x"], output=["y"])
        assert check_nets(NetPair(NetDef(name="i"), predict))
        with pytest.raises(MdeployError):
            raw.run_net(predict, {"x": random(2, 3)})


def test_outputs_are_blobs_of_their_own(judge: Judge) -> None:
    relu, add = node("Relu", ["x"], ["y"]), node("Add", ["c", "c"], ["k"])
    same = node("Identity", ["y"], ["z"])
    passed = node("Identity", ["x"], ["p"])
    outputs = ("y", "z", "p", "k")
    verdict = judge([relu, same, passed, add], {"x": random(2, 3)}, constants={"c": random(4)}, outputs=outputs)
    assert [output.shape for output in verdict.outputs] == [(2, 3), (2, 3), (2, 3), (4,)]
