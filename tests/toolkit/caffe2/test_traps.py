# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One test per trap between ONNX and Caffe2: the converted net is right in real Caffe2, the naive one is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import helper

node = helper.make_node
Judge = Callable[..., Any]


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# ------------------------------------------------------------------ pooling
@pytest.mark.parametrize(("size", "kernel", "stride", "pad"), [(6, 3, 2, 0), (7, 2, 2, 0), (9, 3, 2, 1), (5, 2, 3, 0)])
def test_max_pool_ceil_mode(judge: Judge, raw: Any, size: int, kernel: int, stride: int, pad: int) -> None:
    x = random(1, 2, size, size)
    window = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
    right = judge(node("MaxPool", ["x"], ["y"], ceil_mode=1, **window), {"x": x}, tolerance=0).outputs[0]
    wrong, _ = raw.run("MaxPool", {"x": x}, kernels=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, ceil_mode=1)
    assert (wrong.shape != right.shape) == (size in (6, 7))  # Caffe2 ignored it without a word


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize(("size", "kernel", "stride", "pad"), [(6, 3, 2, 0), (7, 2, 2, 0), (8, 3, 2, 1), (9, 3, 3, 1)])
def test_average_pool_ceil_mode(judge: Judge, size: int, kernel: int, stride: int, pad: int, counted: int) -> None:
    window = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
    judge(
        node("AveragePool", ["x"], ["y"], ceil_mode=1, count_include_pad=counted, **window),
        {"x": random(1, 2, size, size)},
        opset=19,
    )


def test_average_pool_divisor(judge: Judge, raw: Any) -> None:
    x = np.ones((1, 1, 4, 4), np.float32)
    window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    verdict = judge(node("AveragePool", ["x"], ["y"], count_include_pad=1, **window), {"x": x})
    assert verdict.arguments[0]["count_include_pad"] == 1
    naive_answer, _ = raw.run("AveragePool", {"x": x}, kernels=[3, 3], strides=[2, 2], pads=[1] * 4)
    assert np.abs(naive_answer - verdict.outputs[0]).max() > 0.5  # Caffe2's default is not counted
    assert judge(node("AveragePool", ["x"], ["y"], **window), {"x": x}).arguments[0]["count_include_pad"] == 0


def test_global_pool_has_no_operator_name(judge: Judge, raw: Any) -> None:
    x = random(1, 3, 5, 4)
    judge(node("GlobalAveragePool", ["x"], ["y"], name="GlobalAveragePool_1"), {"x": x})
    raw.refuses("AveragePool", {"x": x}, name="GlobalAveragePool_1", global_pooling=1)


def test_pads_of_two_values(raw: Any) -> None:
    raw.refuses("AveragePool", {"x": random(1, 1, 5, 5)}, kernels=[3, 3], pads=[1, 1])


# ------------------------------------------------------------------ softmax
@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -3])
def test_softmax_on_any_axis(judge: Judge, axis: int) -> None:
    judge(node("Softmax", ["x"], ["y"], axis=axis), {"x": random(2, 3, 4, 5)})
    judge(node("Softmax", ["x"], ["y"], axis=axis), {"x": random(2, 3, 4, 5)}, opset=11)


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_the_default_axis_is_another_since_opset_13(judge: Judge, kind: str, opset: int) -> None:
    judge(node(kind, ["x"], ["y"]), {"x": random(2, 3, 4, 5)}, opset=opset)


def test_softmax_naively_normalises_too_much(judge: Judge, raw: Any) -> None:
    x = random(1, 2, 3, 4)
    right = judge(node("Softmax", ["x"], ["y"], axis=1), {"x": x}).outputs[0]
    wrong, _ = raw.run("Softmax", {"x": x}, axis=1)
    assert np.abs(wrong - right).max() > 0.1


@pytest.mark.parametrize("opset", [11, 13, 18])
@pytest.mark.parametrize("axis", [1, -1])
def test_log_softmax_stays_exact_where_the_score_is_minus_200(judge: Judge, opset: int, axis: int) -> None:
    x = np.array([[0.0, -200.0, 3.0], [100.0, -100.0, 0.0]], np.float32)
    answer = judge(node("LogSoftmax", ["x"], ["y"], axis=axis), {"x": x}, opset=opset).outputs[0]
    assert np.isfinite(answer).all()
    assert answer.min() < -199
    with np.errstate(divide="ignore"):
        exponentials = np.exp(x - x.max(1, keepdims=True))
        naive_answer = np.log(exponentials / exponentials.sum(1, keepdims=True))
    assert np.isneginf(naive_answer).any()  # what Softmax and Log would give


# ------------------------------------------------------------------ activations
def test_softplus_does_not_overflow(judge: Judge, raw: Any) -> None:
    x = np.array([[-120.0, -1.0, 0.0, 1.0, 100.0]], np.float32)
    judge(node("Softplus", ["x"], ["y"]), {"x": x})
    assert np.isinf(raw.run("Softplus", {"x": x})[0]).any()


def test_float_arguments_are_floats(judge: Judge, raw: Any) -> None:
    x = random(2, 3)
    judge(node("LeakyRelu", ["x"], ["y"], alpha=1.0), {"x": x})
    raw.refuses("LeakyRelu", {"x": x}, alpha=1)
    raw.refuses("AveragePool", {"x": random(1, 1, 4, 4)}, kernel=3.0)


def test_clip_bounds_become_arguments(judge: Judge, raw: Any) -> None:
    x, low, high = random(2, 3), np.float32(-0.5), np.float32(0.25)
    verdict = judge(node("Clip", ["x", "lo", "hi"], ["y"]), {"x": x}, constants={"lo": low, "hi": high})
    assert verdict.arguments == [{"min": -0.5, "max": 0.25}]
    judge(node("Clip", ["x", "", "hi"], ["y"]), {"x": x}, constants={"hi": high})
    judge(node("Clip", ["x"], ["y"], min=-0.5), {"x": x}, opset=6)
    raw.refuses("Clip", {"x": x, "lo": low.reshape(1)})


def test_hard_sigmoid_of_pytorch(judge: Judge) -> None:
    x = random(2, 3) * 4
    judge(node("HardSigmoid", ["x"], ["y"], alpha=1 / 6), {"x": x})
    judge(node("HardSigmoid", ["x"], ["y"]), {"x": x})
    judge(node("HardSwish", ["x"], ["y"]), {"x": x})


# ------------------------------------------------------------------ broadcasts
def test_sum_max_and_min_do_not_broadcast(judge: Judge, raw: Any) -> None:
    x, z = random(2, 3, 4, 5), random(1, 3, 1, 1, seed=1)
    for kind in ("Sum", "Max", "Min", "Mean"):
        judge(node(kind, ["x", "z"], ["y"]), {"x": x, "z": z})
    raw.refuses("Sum", {"x": x, "z": z})


def test_scalars_and_channels_broadcast(judge: Judge) -> None:
    x = random(2, 3, 4, 5)
    for kind in ("Add", "Sub", "Mul", "Div"):
        judge(node(kind, ["x", "c"], ["y"]), {"x": x}, constants={"c": np.float32(2.5)})
        judge(node(kind, ["c", "x"], ["y"]), {"x": x}, constants={"c": np.float32(2.5)})
        judge(node(kind, ["x", "c"], ["y"]), {"x": x}, constants={"c": random(3, 1, 1)})


# ------------------------------------------------------------------ shapes, matrices
def test_concat_and_reshape_have_two_outputs(judge: Judge, raw: Any) -> None:
    x = random(2, 3, 4, 5)
    judge(node("Concat", ["x", "x"], ["y"], axis=-1), {"x": x})
    judge(node("Reshape", ["x", "s"], ["y"]), {"x": x}, constants={"s": np.array([0, -1])})
    raw.refuses("Concat", {"x": x}, axis=1)
    raw.refuses("Reshape", {"x": x}, shape=[6, -1])


def test_slice_cuts_one_dimension_at_a_time(judge: Judge, raw: Any) -> None:
    x = random(2, 3, 6, 7)
    constants = {"s": np.array([1, -5]), "e": np.array([2**63 - 1, -1]), "a": np.array([2, 3])}
    verdict = judge(node("Slice", ["x", "s", "e", "a"], ["y"]), {"x": x}, constants=constants)
    assert verdict.operators == ["Slice", "Slice"]
    raw.refuses("Slice", {"x": x}, starts=[0, 0, 1, 2], ends=[-1, -1, -1, -2])


@pytest.mark.parametrize("step", [2, 3, -1, -2])
def test_slice_with_steps(judge: Judge, step: int) -> None:
    start, end = (0, 2**63 - 1) if step > 0 else (-1, -(2**63))
    constants = {"s": np.array([start]), "e": np.array([end]), "a": np.array([2]), "t": np.array([step])}
    judge(node("Slice", ["x", "s", "e", "a", "t"], ["y"]), {"x": random(1, 2, 7, 3)}, constants=constants)


@pytest.mark.parametrize("bias", [None, (5,), (1, 5), (4, 5), (4, 1), (1,), ()])
@pytest.mark.parametrize(("trans_b", "alpha", "beta"), [(1, 1.0, 1.0), (0, 1.0, 1.0), (1, 0.5, 2.0)])
def test_gemm_always_has_a_bias(
    judge: Judge, bias: tuple[int, ...] | None, trans_b: int, alpha: float, beta: float
) -> None:
    constants = {"w": random(*((5, 3) if trans_b else (3, 5)), seed=1)}
    if bias is not None:
        constants["c"] = random(*bias, seed=2) if bias else np.float32(1.5)
    inputs = ["x", "w", *(["c"] if bias is not None else [])]
    gemm = node("Gemm", inputs, ["y"], transB=trans_b, alpha=alpha, beta=beta)
    judge(gemm, {"x": random(4, 3)}, constants=constants)


def test_fc_without_bias_is_refused_by_caffe2(raw: Any) -> None:
    raw.refuses("FC", {"x": random(2, 3), "w": random(5, 3)})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4, 3), (3, 5)),
        ((2, 4, 3), (3, 5)),
        ((2, 4, 3), (2, 3, 5)),
        ((2, 1, 4, 3), (6, 3, 5)),
        ((3,), (3, 5)),
        ((2, 4, 3), (3,)),
    ],
)
@pytest.mark.parametrize("constant", [True, False])
def test_mat_mul(judge: Judge, a: tuple[int, ...], b: tuple[int, ...], constant: bool) -> None:
    second = random(*b, seed=1)
    inputs = {"x": random(*a)} | ({} if constant else {"w": second})
    judge(node("MatMul", ["x", "w"], ["y"]), inputs, constants={"w": second} if constant else {})


def test_reduce_axes_in_both_spellings(judge: Judge) -> None:
    x = random(2, 3, 4, 5)
    judge(node("ReduceMean", ["x"], ["y"], axes=[1, -1], keepdims=0), {"x": x}, opset=13)
    axes = {"a": np.array([1, -1])}
    judge(node("ReduceMean", ["x", "a"], ["y"], keepdims=0), {"x": x}, opset=18, constants=axes)
    judge(node("ReduceSum", ["x"], ["y"], noop_with_empty_axes=1), {"x": x}, opset=18)
    verdict = judge(node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0), {"x": x}, opset=13)
    assert verdict.operators == ["AveragePool", "Reshape"]


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize("pads", [[0, 0, 1, 2, 0, 0, 2, 1], [0, 1, 0, 0, 1, 0, 0, 2], [0, 0, -1, 1, 0, 0, -1, 0]])
def test_pad(judge: Judge, mode: str, pads: list[int]) -> None:
    constants = {"p": np.array(pads), "v": np.float32(1.5)}
    judge(node("Pad", ["x", "p", "v"], ["y"], mode=mode), {"x": random(2, 3, 5, 6)}, constants=constants)


# ------------------------------------------------------------------ convolution and resizing
@pytest.mark.parametrize("auto_pad", ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(("group", "stride", "dilation"), [(1, 1, 1), (2, 2, 1), (4, 1, 2), (1, 3, 2)])
def test_conv(judge: Judge, auto_pad: str, group: int, stride: int, dilation: int) -> None:
    if auto_pad.startswith("SAME"):
        dilation = 1  # onnxruntime has no answer for both
    pads = {"pads": [2, 0, 1, 3]} if auto_pad == "NOTSET" else {}
    conv = node(
        "Conv", ["x", "w", "b"], ["y"], auto_pad=auto_pad, group=group, strides=[stride] * 2,
        dilations=[dilation] * 2, **pads,
    )  # fmt: skip
    constants = {"w": random(8, 4 // group, 3, 2, seed=1), "b": random(8, seed=2)}
    judge(conv, {"x": random(1, 4, 9, 10)}, constants=constants)


def test_conv_of_one_dimension(judge: Judge) -> None:
    conv = node("Conv", ["x", "w"], ["y"], pads=[1, 2], strides=[2])
    judge(conv, {"x": random(2, 3, 11)}, constants={"w": random(4, 3, 3, seed=1)})


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"strides": [2, 3], "output_padding": [1, 2]},
        {"strides": [2, 2], "pads": [1, 0, 0, 1]},
        {"dilations": [2, 1]},
        {"strides": [2, 2], "output_shape": [9, 10]},
        {"strides": [3, 2], "auto_pad": "SAME_UPPER"},
        {"strides": [3, 2], "auto_pad": "SAME_LOWER"},
        {"group": 2},
    ],
)
def test_conv_transpose(judge: Judge, attributes: dict[str, Any]) -> None:
    conv = node("ConvTranspose", ["x", "w", "b"], ["y"], **attributes)
    channels = 6 // attributes.get("group", 1)
    constants = {"w": random(4, channels, 3, 3, seed=1), "b": random(6, seed=2)}
    judge(conv, {"x": random(1, 4, 4, 5)}, constants=constants)


def test_dilated_pooling_is_composed(judge: Judge, raw: Any) -> None:
    x = random(1, 2, 8, 9)
    raw.refuses("MaxPool", {"x": x}, kernels=[2, 2], dilations=[2, 2])
    verdict = judge(node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], dilations=[2, 2]), {"x": x}, tolerance=0)
    assert "Gather" in verdict.operators


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("transform", ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
@pytest.mark.parametrize("scale", [2.0, 1.5, 0.5])
def test_resize(judge: Judge, mode: str, transform: str, scale: float) -> None:
    scales = {"s": np.array([1, 1, scale, scale], np.float32)}
    resize = node("Resize", ["x", "", "s"], ["y"], mode=mode, coordinate_transformation_mode=transform)
    judge(resize, {"x": random(1, 2, 6, 8)}, constants=scales, tolerance=2e-5)


def test_nearest_by_two_is_one_operator(judge: Judge) -> None:
    scales = {"s": np.array([1, 1, 2, 2], np.float32)}
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    verdict = judge(node("Resize", ["x", "", "s"], ["y"], **attributes), {"x": random(1, 2, 5, 3)}, constants=scales)
    assert verdict.operators == ["ResizeNearest"]


# ------------------------------------------------------------------ normalisation
@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_lrn_of_any_size(judge: Judge, raw: Any, size: int) -> None:
    x = random(2, 6, 3, 3)
    arguments: dict[str, Any] = {"size": size, "alpha": 0.5, "beta": 0.75, "bias": 1.0}
    if size % 2:  # onnxruntime has no other
        judge(node("LRN", ["x"], ["y"], **arguments), {"x": x})
    channels = np.arange(6)
    distance = channels - channels[:, np.newaxis]
    window = (distance >= -((size - 1) // 2)) & (distance <= size // 2)
    right = x / (1 + 0.5 / size * np.einsum("oc,nchw->nohw", window, x**2)) ** 0.75
    found, _ = raw.run("LRN", {"x": x}, order="NCHW", **arguments)
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


def test_group_norm_reads_group_and_not_what_its_schema_says(judge: Judge) -> None:
    x = random(2, 6, 4, 4)
    constants = {"s": random(6, seed=1), "b": random(6, seed=2)}
    judge(node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=3), {"x": x}, opset=21, constants=constants)


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_layer_norm(judge: Judge, axis: int) -> None:
    x = random(2, 3, 4, 5)
    constants = {"s": random(*x.shape[axis:], seed=1), "b": random(*x.shape[axis:], seed=2)}
    judge(node("LayerNormalization", ["x", "s", "b"], ["y"], axis=axis), {"x": x}, constants=constants)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5), (2, 3, 2, 2, 2)])
def test_batch_norm_of_any_rank(judge: Judge, shape: tuple[int, ...]) -> None:
    constants = {n: np.abs(random(3, seed=i)) + 0.1 for i, n in enumerate("sbmv")}
    verdict = judge(node("BatchNormalization", list("xsbmv"), ["y"]), {"x": random(*shape)}, constants=constants)
    batch_norm = verdict.arguments[verdict.operators.index("SpatialBN")]
    assert batch_norm["is_test"] == 1
