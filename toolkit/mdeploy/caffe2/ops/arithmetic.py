# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Element by element."""

from __future__ import annotations

from functools import reduce

import numpy as np

from mdeploy.caffe2.node import NodeContext
from mdeploy.caffe2.registry import converts

__all__: list[str] = []

_INT32, _BOOL = 2, 5  # of Caffe2's TensorProto
_UNARY = {"Neg": "Negative", **{name: name for name in ("Abs", "Exp", "Log", "Sqrt", "Reciprocal", "Floor", "Ceil")}}
_UNARY.update({"Sign": "Sign", "Sin": "Sin", "Cos": "Cos"})

_NUMBERS = ("float32", "int32", "int64")
_COMPARISONS = {"Equal": "EQ", "Greater": "GT", "GreaterOrEqual": "GE", "Less": "LT", "LessOrEqual": "LE"}


@converts(*_UNARY, since=6, to="the operator of the same name; Neg is Negative")
def unary(context: NodeContext) -> None:
    """One operator for one."""
    context.add(_UNARY[context.node.op_type], [context.blob()])


@converts("Add", "Sub", "Mul", "Div", since=7, to="Add, Sub, Mul, Div with numpy broadcasting", dtypes=_NUMBERS)
def binary(context: NodeContext) -> None:
    """Caffe2's default broadcasting is ONNX's since opset 7."""
    context.add(context.node.op_type, [context.operand(0), context.operand(1)])


@converts("Pow", since=7, to="Pow with the exponent as an argument where it is one constant number")
def power(context: NodeContext) -> None:
    """A tensor of exponents must have the shape of the base."""
    exponent = context.constant(1)
    if exponent is not None and exponent.size == 1 and exponent.ndim <= len(context.shape(0)):
        context.add("Pow", [context.blob()], exponent=float(exponent.reshape(())))
        return
    # Exponents may be integers in ONNX; Caffe2 wants both of one type.
    exponents = context.expanded(1)
    if exponent is not None:
        exponents = context.weight(np.broadcast_to(exponent, context.output_shape()).astype(np.float32), "exponents")
    context.add("Pow", [context.expanded(0), exponents])


@converts("Sum", since=8, to="Sum; where shapes differ a chain of Add")
def sum_of(context: NodeContext) -> None:
    """Caffe2's Sum does not broadcast."""
    blobs = [context.operand(index) for index in range(len(context.node.inputs))]
    if len({context.shape(index) for index in range(len(blobs))}) == 1:
        context.add("Sum", blobs)
        return
    head = reduce(lambda left, right: context.then("Add", [left, right]), blobs[:-1])
    context.add("Add", [head, blobs[-1]])


@converts(
    "Max",
    "Min",
    "Mean",
    since=8,
    to="Max, Min, Mean, with Expand before them where shapes differ; of integers GT or LT, and Where",
    dtypes=_NUMBERS,
)
def extremes(context: NodeContext) -> None:
    """Caffe2's do not broadcast: on shapes that differ they read past the end. They take float32 only."""
    kind, blobs = context.node.op_type, [context.expanded(index) for index in range(len(context.node.inputs))]
    if context.dtype() == "float32":
        context.add(kind, blobs)
        return
    context.require(kind != "Mean", f"means of {context.dtype()}", "use float32")
    context.finish(reduce(lambda left, right: context.extreme(kind, left, right), blobs))


@converts(*_COMPARISONS, since=7, to="EQ, GT, GE, LT, LE", dtypes=("float32", "bool"))
def comparison(context: NodeContext) -> None:
    """Of numbers, to truth values."""
    context.require(context.dtype(0) == "float32", f"compares {context.dtype(0)}", "compare float32")
    context.add(_COMPARISONS[context.node.op_type], [context.operand(0), context.operand(1)])


@converts("And", "Or", "Xor", since=7, to="And, Or, Xor", dtypes=("bool",))
def logic(context: NodeContext) -> None:
    """Of truth values."""
    context.add(context.node.op_type, [context.operand(0), context.operand(1)])


@converts("Not", to="Not", dtypes=("bool",))
def negation(context: NodeContext) -> None:
    """Of truth values."""
    context.add("Not", [context.blob()])


@converts(
    "Where",
    since=9,
    to="Where, with Expand before it where shapes differ",
    dtypes=("float32", "int32", "int64", "bool"),
)
def where(context: NodeContext) -> None:
    """Choose element by element. Caffe2's does not broadcast."""
    context.require(context.dtype(1) != "bool", "chooses between truth values", "use And, Or and Not")
    shape = context.output_shape()
    if context.constant(0) is not None or context.shape(0) == shape:
        condition = context.expanded(0)
    else:  # Expand does not take truth values
        numbers = context.then("Cast", [context.blob(0)], to=_INT32)
        numbers = context.then("Expand", [numbers, context.weight(np.array(shape, np.int64), "shape")])
        condition = context.then("Cast", [numbers], to=_BOOL)
    context.add("Where", [condition, context.expanded(1), context.expanded(2)])
