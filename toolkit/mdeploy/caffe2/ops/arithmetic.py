# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Element by element."""

from __future__ import annotations

from functools import reduce

from mdeploy.caffe2.node import NodeContext
from mdeploy.caffe2.registry import converts

__all__: list[str] = []

_UNARY = {
    "Abs": "Abs",
    "Exp": "Exp",
    "Log": "Log",
    "Neg": "Negative",
    "Reciprocal": "Reciprocal",
    "Sqrt": "Sqrt",
}


@converts(*_UNARY, to="Abs, Exp, Log, Negative, Reciprocal, Sqrt")
def unary(context: NodeContext) -> None:
    """One operator for one."""
    context.add(_UNARY[context.node.op_type], [context.blob()])


@converts("Add", "Sub", "Mul", "Div", since=7, to="Add, Sub, Mul, Div with numpy broadcasting")
def binary(context: NodeContext) -> None:
    """Caffe2's default broadcasting is ONNX's since opset 7."""
    context.add(context.node.op_type, [_operand(context, 0), _operand(context, 1)])


@converts("Sum", since=8, to="Sum; where shapes differ a chain of Add")
def sum_of(context: NodeContext) -> None:
    """Caffe2's Sum does not broadcast."""
    blobs = [_operand(context, index) for index in range(len(context.node.inputs))]
    if _same_shapes(context):
        context.add("Sum", blobs)
        return
    head = reduce(lambda left, right: context.then("Add", [left, right]), blobs[:-1])
    context.add("Add", [head, blobs[-1]])


def _operand(context: NodeContext, index: int) -> str:
    """A scalar constant gets one dimension: it broadcasts the same and every reader has seen it."""
    array = context.constant(index)
    return context.blob(index) if array is None or array.ndim else context.weight(array.reshape(1), "constant")


def _same_shapes(context: NodeContext) -> bool:
    shapes = {context.shape(index) for index in range(len(context.node.inputs))}
    return len(shapes) == 1
