# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Resizing, exactly as ONNX means it in each of its many modes.

Every mode is linear in the picture and works on one axis at a time. onnxruntime is asked what it does to a basis,
and the answer is written down: as indices for the nearest modes, as a matrix for the others.
"""

from __future__ import annotations

import numpy as np
import onnx

from mdeploy.caffe2.net import Array
from mdeploy.caffe2.node import NodeContext, Unsupported
from mdeploy.caffe2.registry import converts

__all__: list[str] = []

_SCALE_INPUT = {"Resize": 2, "Upsample": 1}


@converts(
    "Resize",
    "Upsample",
    since=7,
    to="ResizeNearest where its rule fits, else Gather (nearest) or products with constant matrices (linear, cubic)",
    limits="constant scales or sizes; no tf_crop_and_resize; keep_aspect_ratio_policy stretch",
)
def resize(context: NodeContext) -> None:
    """One axis after the other."""
    shape, target = context.shape(), context.output_shape()
    context.require(
        context.attribute("coordinate_transformation_mode") != "tf_crop_and_resize",
        "crops while it resizes (tf_crop_and_resize)",
        "use Slice and Resize",
    )
    context.require(
        context.attribute("keep_aspect_ratio_policy", "stretch") == "stretch",
        "keeps the aspect ratio by a policy",
        "give the size itself",
    )
    scales = _scales(context)
    if context.attribute("coordinate_transformation_mode") == "align_corners":
        # The standard aligns to the size before it is cut to a whole number, PyTorch and onnxruntime to the one after.
        context.require(
            all(
                scale is None or abs(scale * size - round(scale * size)) < 1e-4
                for scale, size in zip(scales, shape, strict=True)
            ),
            "aligns corners by scales that give no whole size, which runtimes read differently",
            "give the size itself",
        )
    axes = [axis for axis in range(len(shape)) if shape[axis] != target[axis] or scales[axis] not in (None, 1.0)]
    steps = [(axis, _response(context, axis, scales[axis])) for axis in axes]
    nearest = context.attribute("mode", "nearest") == "nearest"
    if nearest and len(shape) == 4 and all(axis in (2, 3) for axis in axes) and axes and _plain_rule(steps, target):
        height, width = (target[axis] / shape[axis] for axis in (2, 3))
        context.add("ResizeNearest", [context.blob()], height_scale=height, width_scale=width, order="NCHW")
        return
    blob = context.blob()
    for axis, response in steps:
        blob = _gather(context, blob, axis, response) if nearest else _product(context, blob, axis, response)
    context.finish(blob)


def _scales(context: NodeContext) -> list[float | None]:
    """Scale per axis where the node gives scales; None where it gives sizes."""
    rank = len(context.shape())
    index = _SCALE_INPUT[context.node.op_type]
    if context.node.op_type == "Resize" and context.opset < 11:
        index = 1
    values = context.attribute("scales")
    if values is None and context.has_input(index):
        values = context.need_constant(index, "scales").ravel()
    if values is None or len(values) == 0:
        return [None] * rank
    scales: list[float | None] = [1.0] * rank
    for axis, scale in zip(context.ints("axes") or range(rank), values, strict=True):
        scales[axis % rank] = float(scale)
    return scales


def _response(context: NodeContext, axis: int, scale: float | None) -> Array:
    """What the node does along ``axis``: (size, new size), row i being the answer to a one at position i."""
    size, new_size = context.shape()[axis], context.output_shape()[axis]
    node = context.node
    attributes = {
        name: attribute.value for name, attribute in node.attributes.items() if name not in ("axes", "scales")
    }
    # The basis lies along the last axis of (size, 1, 1, size): rows are separate pictures of one line.
    floats, ints = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    initializers = []
    if node.op_type == "Upsample" and context.opset < 9:
        inputs, attributes["scales"] = ["x"], [1.0, 1.0, 1.0, scale or 1.0]
    elif node.op_type == "Upsample" or context.opset < 11:
        inputs = ["x", "scales"]
        initializers.append(onnx.helper.make_tensor("scales", floats, [4], [1.0, 1.0, 1.0, scale or 1.0]))
    elif scale is not None:
        inputs = ["x", "", "scales"]
        initializers.append(onnx.helper.make_tensor("scales", floats, [4], [1.0, 1.0, 1.0, scale]))
    else:
        inputs = ["x", "", "", "sizes"]
        initializers.append(onnx.helper.make_tensor("sizes", ints, [4], [size, 1, 1, new_size]))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(node.op_type, inputs, ["y"], **attributes)],
        "response",
        [onnx.helper.make_tensor_value_info("x", floats, [size, 1, 1, size])],
        [onnx.helper.make_tensor_value_info("y", floats, None)],
        initializer=initializers,
    )
    opset = onnx.helper.make_opsetid("", context.opset)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    response = _run(model, np.eye(size, dtype=np.float32).reshape(size, 1, 1, size)).reshape(size, -1)
    if response.shape != (size, new_size):
        raise Unsupported(f"axis {axis} becomes {response.shape[1]}, {new_size} is declared", "repair the ONNX file")
    return response


def _run(model: onnx.ModelProto, basis: Array) -> Array:
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        output: Array = session.run(None, {"x": basis})[0]
    except Exception as error:  # onnxruntime's errors share no base class but Exception
        line = (str(error).splitlines() or [""])[0][:200]
        raise Unsupported(f"onnxruntime cannot resize this way: {line}", "use another mode") from error
    return output


def _plain_rule(steps: list[tuple[int, Array]], target: tuple[int, ...]) -> bool:
    """Whether Caffe2's own rule, source = floor(position / scale), picks the same elements with some room to spare."""
    for axis, response in steps:
        size, new_size = response.shape
        if new_size % size:
            return False  # a scale that is no whole number leaves the floor to rounding
        expected = np.arange(target[axis]) // (new_size // size)
        if not np.array_equal(response.argmax(axis=0), expected):
            return False
    return True


def _gather(context: NodeContext, blob: str, axis: int, response: Array) -> str:
    indices = response.argmax(axis=0).astype(np.int64)
    return context.then("Gather", [blob, context.weight(indices, "rows")], axis=axis)


def _product(context: NodeContext, blob: str, axis: int, response: Array) -> str:
    """The axis goes last, where FC multiplies it, and back."""
    rank = len(context.shape())
    order = [index for index in range(rank) if index != axis] + [axis]
    if axis != rank - 1:
        blob = context.then("Transpose", [blob], axes=order)
    weight = context.weight(np.ascontiguousarray(response.T), "matrix")
    bias = context.weight(np.zeros(response.shape[1], np.float32), "zeros")
    blob = context.then("FC", [blob, weight, bias], axis=rank - 1)
    if axis != rank - 1:
        blob = context.then("Transpose", [blob], axes=[order.index(index) for index in range(rank)])
    return blob
