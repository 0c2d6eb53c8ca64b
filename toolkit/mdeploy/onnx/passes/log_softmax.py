# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""LogSoftmax, which Caffe2 does not have."""

from __future__ import annotations

import onnx_ir as ir

from mdeploy.onnx.passes.editing import Rewriter, opset_of, static_shape
from mdeploy.onnx.shapes import infer_shapes

__all__ = ["decompose_log_softmax"]


def decompose_log_softmax(model: ir.Model) -> ir.Model | None:
    """Write LogSoftmax out so that it stays exact.

    ::

        LogSoftmax(x)    becomes    d - Log(ReduceSum(Exp(d)))    with    d = x - ReduceMax(x)

    Log(Softmax(x)) would be shorter, and -inf where the answer is -200.
    """
    infer_shapes(model)
    changed = False
    for node in list(model.graph):
        if node.op_type != "LogSoftmax" or node.domain not in ("", "ai.onnx"):
            continue
        shape = static_shape(node.inputs[0])
        if shape is None:
            continue
        source = node.inputs[0]
        assert source is not None
        axes = _axes(node, opset_of(model), len(shape))
        rewriter = Rewriter(model, node)
        shifted = rewriter.add("Sub", [source, rewriter.reduce("ReduceMax", source, axes)])
        total = rewriter.reduce("ReduceSum", rewriter.add("Exp", [shifted]), axes)
        rewriter.finish(rewriter.add("Sub", [shifted, rewriter.add("Log", [total])]))
        changed = True
    return model if changed else None


def _axes(node: ir.Node, opset: int, rank: int) -> list[int]:
    """Before opset 13 the input is seen as two dimensions, and everything from ``axis`` on is normalised over."""
    attribute = node.attributes.get("axis")
    axis = attribute.as_int() if attribute is not None else (-1 if opset >= 13 else 1)
    axis = axis % rank if rank else 0
    return [axis] if opset >= 13 else list(range(axis, rank))
