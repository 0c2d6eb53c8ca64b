# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Pools that round their output up: one rule, which ONNX's shape inference and the runtimes read differently."""

from __future__ import annotations

import onnx_ir as ir

from mdeploy.errors import MdeployError
from mdeploy.onnx.passes.editing import static_shape
from mdeploy.onnx.shapes import infer_shapes

__all__ = ["settle_ceil_mode"]

_POOLS = ("MaxPool", "AveragePool", "LpPool")


def settle_ceil_mode(model: ir.Model) -> None:
    """Switch ``ceil_mode`` off where rounding up gives nothing.

    A last window that would start in the padding at the end is left out by PyTorch and onnxruntime, and by the newer
    texts of the standard; shape inference still counts it. Without it rounding up is rounding down, on every axis or
    not at all: then the plain mode says the same to every reader.
    """
    for _ in range(1 + sum(_ceils(node) for node in model.graph)):
        try:
            infer_shapes(model)
        except MdeployError:
            return  # the graph contradicts itself: the checks that follow say how
        settled = next((node for node in model.graph if _ceils(node) and _is_floor(node)), None)
        if settled is None:
            return
        settled.attributes.pop("ceil_mode")
        _forget_shapes(model)


def _ceils(node: ir.Node) -> bool:
    mode = node.attributes.get("ceil_mode")
    return node.op_type in _POOLS and mode is not None and bool(mode.as_int())


def _is_floor(node: ir.Node) -> bool:
    shape = static_shape(node.inputs[0])
    if shape is None or ("auto_pad" in node.attributes and node.attributes["auto_pad"].as_string() != "NOTSET"):
        return False
    rank = len(shape) - 2
    kernels = node.attributes["kernel_shape"].as_ints()
    strides = _ints(node, "strides", rank, 1)
    dilations = _ints(node, "dilations", rank, 1)
    pads = _ints(node, "pads", 2 * rank, 0)
    for axis in range(rank):
        head, room = pads[axis], shape[axis + 2] + pads[axis] + pads[axis + rank]
        beyond = room - dilations[axis] * (kernels[axis] - 1) - 1
        last = -(-beyond // strides[axis])
        if last * strides[axis] >= shape[axis + 2] + head:
            last -= 1
        if last != beyond // strides[axis]:
            return False
    return True


def _ints(node: ir.Node, name: str, count: int, default: int) -> list[int]:
    return list(node.attributes[name].as_ints()) if name in node.attributes else [default] * count


def _forget_shapes(model: ir.Model) -> None:
    for node in model.graph:
        for value in node.outputs:
            rank = len(value.shape) if value.is_graph_output() and value.shape is not None else None
            value.shape = None if rank is None else ir.Shape([None] * rank)
