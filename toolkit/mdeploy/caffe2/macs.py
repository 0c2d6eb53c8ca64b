# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Multiply-accumulates of an ONNX graph, or of a Caffe2 operator, with known shapes."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt, prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx_ir as ir

__all__ = ["count_macs", "node_macs", "operator_macs"]


def count_macs(model: ir.Model) -> int:
    """Multiply-accumulates of all convolutions and matrix products; everything else counts nothing."""
    return sum(node_macs(node) for node in model.graph)


def node_macs(node: ir.Node) -> int:
    """Multiply-accumulates of one node."""
    from mdeploy.caffe2.node import shape_of  # imports onnx_ir, which operators of a NetDef do without

    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    left, right = node.inputs[0], node.inputs[1]
    if left is None or right is None:
        return 0
    a, b, out = shape_of(left), shape_of(right), shape_of(node.outputs[0])
    if node.op_type == "Conv":  # weight (M, C/group, kH, kW): each output takes C/group * kH * kW
        return prod(out) * prod(b[1:])
    if node.op_type == "ConvTranspose":  # weight (C, M/group, kH, kW): each input gives M/group * kH * kW
        return prod(a) * prod(b[1:])
    if node.op_type == "Gemm":
        transposed = node.attributes.get("transA")
        return prod(out) * a[0 if transposed is not None and transposed.as_int() else 1]
    return prod(out) * a[-1]


def operator_macs(op: Any, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """Multiply-accumulates of one operator of a NetDef; None where a shape it needs is not known."""
    if op.type not in ("Conv", "ConvTranspose", "FC", "FCTransposed", "MatMul", "BatchMatMul"):
        return 0
    if any(blob not in shapes for blob in (*op.input[:2], op.output[0])):
        return None
    a, b, out = shapes[op.input[0]], shapes[op.input[1]], shapes[op.output[0]]
    if op.type == "Conv":
        return prod(out) * prod(b[1:])
    if op.type == "ConvTranspose":
        return prod(a) * prod(b[1:])
    if op.type == "BatchMatMul":
        transposed = any(argument.name == "trans_a" and argument.i for argument in op.arg)
        return prod(out) * a[-2 if transposed and len(a) > 1 else -1]
    # A product of two matrices in whatever shapes: rows x inner times inner x columns.
    return isqrt(prod(out) * prod(a) * prod(b))
