# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Softmax on an axis that is not the last."""

from __future__ import annotations

import onnx_ir as ir

from mdeploy.onnx.passes.editing import Rewriter, opset_of, static_shape
from mdeploy.onnx.shapes import infer_shapes

__all__ = ["softmax_last_axis"]


def softmax_last_axis(model: ir.Model) -> ir.Model | None:
    """Move the axis of a Softmax to the end, and back after it.

    ::

        Softmax(axis=1) of [1, 2, 1, 64]    becomes    Transpose -> Softmax(axis=-1) -> Transpose

    Caffe2's Softmax normalises over all axes from the given one on, as ONNX's did before opset 13.
    """
    if opset_of(model) < 13:
        return None
    infer_shapes(model)
    changed = False
    for node in list(model.graph):
        if node.op_type != "Softmax" or node.domain not in ("", "ai.onnx"):
            continue
        shape = static_shape(node.inputs[0])
        attribute = node.attributes.get("axis")
        axis = -1 if attribute is None else attribute.as_int()
        if shape is None or axis % max(len(shape), 1) == len(shape) - 1:
            continue
        axis %= len(shape)
        order = [index for index in range(len(shape)) if index != axis] + [axis]
        back = [order.index(index) for index in range(len(shape))]
        rewriter = Rewriter(model, node)
        moved = rewriter.add("Transpose", [node.inputs[0]], perm=order)
        result = rewriter.add("Softmax", [moved], axis=-1)
        rewriter.finish(rewriter.add("Transpose", [result], perm=back))
        changed = True
    return model if changed else None
