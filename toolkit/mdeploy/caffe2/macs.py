# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Multiply-accumulates of an ONNX graph with known shapes."""

from __future__ import annotations

from math import prod

import onnx_ir as ir

from mdeploy.caffe2.node import shape_of

__all__ = ["count_macs", "node_macs"]


def count_macs(model: ir.Model) -> int:
    """Multiply-accumulates of all convolutions and matrix products; everything else counts nothing."""
    return sum(node_macs(node) for node in model.graph)


def node_macs(node: ir.Node) -> int:
    """Multiply-accumulates of one node."""
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
