# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Means over the spatial dimensions."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mdeploy.onnx.passes.editing import Rewriter, axes_of, static_shape
from mdeploy.onnx.shapes import infer_shapes

__all__ = ["global_pool"]


def global_pool(model: ir.Model) -> ir.Model | None:
    """Write a mean over both spatial dimensions as a global average pool.

    ::

        ReduceMean(axes=[2, 3], keepdims=1)    becomes    GlobalAveragePool
        ReduceMean(axes=[2, 3], keepdims=0)    becomes    GlobalAveragePool -> Reshape

    torch's dynamo exporter writes the first form where the TorchScript one writes the second; an AveragePool is
    what every Caffe2 runtime is fast at. A pool whose kernel is the whole image is the same thing.
    """
    infer_shapes(model)
    changed = False
    for node in list(model.graph):
        shape = static_shape(node.inputs[0]) if node.inputs else None
        if node.domain not in ("", "ai.onnx") or shape is None or len(shape) != 4:
            continue
        if not (_is_spatial_mean(node) or _is_whole_pool(node, shape)):
            continue
        rewriter = Rewriter(model, node)
        result = rewriter.add("GlobalAveragePool", [node.inputs[0]])
        wanted = static_shape(node.outputs[0])
        if wanted is not None and len(wanted) == 2:
            result.shape = ir.Shape([*shape[:2], 1, 1])
            result = rewriter.add("Reshape", [result, rewriter.constant(np.array(shape[:2], np.int64))])
        rewriter.finish(result)
        changed = True
    return model if changed else None


def _is_spatial_mean(node: ir.Node) -> bool:
    if node.op_type != "ReduceMean":
        return False
    axes = axes_of(node)
    return axes is not None and sorted(axis % 4 for axis in axes) == [2, 3]


def _is_whole_pool(node: ir.Node, shape: tuple[int, ...]) -> bool:
    if node.op_type != "AveragePool" or tuple(node.attributes["kernel_shape"].as_ints()) != shape[2:]:
        return False
    pads = node.attributes.get("pads")
    dilations = node.attributes.get("dilations")
    return (
        (pads is None or not any(pads.as_ints()))
        and (dilations is None or set(dilations.as_ints()) == {1})
        and static_shape(node.outputs[0]) == (*shape[:2], 1, 1)
    )
