# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a resizing node does along an axis, as a matrix: onnxruntime's answer to a basis."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from mdeploy.caffe2.node import NodeContext, Unsupported
from mdeploy.errors import first_line
from mdeploy.tensors import Array

__all__ = ["response_along", "responses"]


def response_along(context: NodeContext, axis: int, scale: float | None) -> Array:
    """What the node does along ``axis``: (size, new size), row i being the answer to a one at position i."""
    size, new_size = context.shape()[axis], context.output_shape()[axis]
    node = context.node
    attributes = {
        name: attribute.value for name, attribute in node.attributes.items() if name not in ("axes", "scales")
    }
    # The basis lies along the last axis of (size, 1, 1, size): rows are separate images of one line.
    floats, ints = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    initializers = []
    if node.op_type == "Upsample" and context.opset < 9:
        inputs, attributes["scales"] = ["x"], [1.0, 1.0, 1.0, scale or 1.0]
    elif node.op_type == "Upsample" or context.opset < 11:
        inputs = ["x", "scales"]
        initializers.append(onnx.helper.make_tensor("scales", floats, [4], [1.0, 1.0, 1.0, scale or 1.0]))
    elif scale is not None:
        inputs = ["x", "roi", "scales"]
        initializers.append(onnx.helper.make_tensor("scales", floats, [4], [1.0, 1.0, 1.0, scale]))
    else:
        inputs = ["x", "roi", "scales", "sizes"]
        initializers.append(onnx.helper.make_tensor("scales", floats, [0], []))
        initializers.append(onnx.helper.make_tensor("sizes", ints, [4], [size, 1, 1, new_size]))
    if "roi" in inputs:  # before opset 13 it may not be left out; empty says the same in every opset
        initializers.append(onnx.helper.make_tensor("roi", floats, [0], []))
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


def responses(context: NodeContext) -> dict[int, Array]:
    """For a node whose axes depend on each other: the matrices (size, new size) of all axes that it changes.

    The node itself is run, with what lies outside of a cut-out read as zero; axes that it leaves alone have size 1.
    """
    shape, target = context.shape(), context.output_shape()
    model, axes = _whole_node(context)
    small = [size if axis in axes else 1 for axis, size in enumerate(shape)]
    ones = _run(model, np.ones(small, np.float32))
    # A line through a place that no other axis puts outside of the image.
    place = list(np.unravel_index(int(np.abs(ones).argmax()), ones.shape))
    found = {}
    for axis in axes:
        line = tuple(slice(None) if index == axis else int(at) for index, at in enumerate(place))
        matrix = np.zeros((shape[axis], target[axis]), np.float32)
        for row in range(shape[axis]):
            basis = np.zeros(small, np.float32)
            basis[tuple(row if index == axis else slice(None) for index in range(len(shape)))] = 1.0
            matrix[row] = _run(model, basis)[line]
        found[axis] = matrix
    return found


def _whole_node(context: NodeContext) -> tuple[Any, list[int]]:
    """A session of the node alone, and the axes that it changes."""
    node, shape, target = context.node, context.shape(), context.output_shape()
    rank = len(shape)
    crops = context.attribute("coordinate_transformation_mode") == "tf_crop_and_resize"
    listed = [axis % rank for axis in context.ints("axes") or range(rank)]
    constants: dict[str, Array] = {}
    for index, name in ((1, "roi"), (2, "scales"), (3, "sizes")):
        array = context.need_constant(index, name) if context.has_input(index) else np.zeros(0)
        if array.size:
            constants[name] = array
    axes = []
    for number, axis in enumerate(listed):
        changes = shape[axis] != target[axis]
        if "sizes" in constants:  # what a policy makes of it may be the old size
            changes = changes or int(constants["sizes"][number]) != shape[axis]
        if crops:  # and so may a cut-out
            changes = changes or tuple(constants["roi"][[number, number + len(listed)]]) != (0.0, 1.0)
        if changes:
            axes.append(axis)
        elif "sizes" in constants:
            constants["sizes"] = np.where(np.arange(len(listed)) == number, 1, constants["sizes"])
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    attributes["extrapolation_value"] = 0.0
    names = ["roi", "scales", *(["sizes"] if "sizes" in constants else [])]
    for name in names:  # before opset 13 they may not be left out; empty says the same in every opset
        constants.setdefault(name, np.zeros(0, np.float32))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(node.op_type, ["x", *names], ["y"], **attributes)],
        "response",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None] * rank)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        initializer=[onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = onnx.helper.make_opsetid("", context.opset)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), axes


def _run(model: onnx.ModelProto, basis: Array) -> Array:
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        output: Array = session.run(None, {"x": basis})[0]
    except Exception as error:  # onnxruntime's errors share no base class but Exception
        raise Unsupported(f"onnxruntime cannot resize this way: {first_line(error)}", "use another mode") from error
    return output
