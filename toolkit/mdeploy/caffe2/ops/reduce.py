# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reductions."""

from __future__ import annotations

import numpy as np

from mdeploy.caffe2.net import Args
from mdeploy.caffe2.node import NodeContext, positive_axis
from mdeploy.caffe2.ops.along_axis import gather_along
from mdeploy.caffe2.registry import converts

__all__: list[str] = []

_REDUCTIONS = {name: name for name in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2")}


@converts(*_REDUCTIONS, to="the operator of the same name")
def reduction(context: NodeContext) -> None:
    """Axes come as an attribute or, in newer opsets, as an input."""
    args = _axes(context)
    if args is None:
        context.add("Copy", [context.blob()])
    else:
        context.add(_REDUCTIONS[context.node.op_type], [context.blob()], **args)


@converts("ReduceSumSquare", "ReduceLogSum", to="Sqr and ReduceSum; ReduceSum and Log")
def sum_square_and_log(context: NodeContext) -> None:
    """A function before or after the sum."""
    args = _axes(context)
    square = context.node.op_type == "ReduceSumSquare"
    blob = context.then("Sqr", [context.blob()]) if square else context.blob()
    if args is not None:
        blob = context.then("ReduceSum", [blob], **args)
    context.add("Copy" if square else "Log", [blob])


@converts("ReduceLogSumExp", to="ReduceMax, Sub, Exp, ReduceSum, Log, Add")
def log_sum_exp(context: NodeContext) -> None:
    """Shifted by the maximum, so that nothing overflows."""
    args = _axes(context)
    if args is None:
        context.add("Copy", [context.blob()])
        return
    kept: Args = {**args, "keepdims": 1}
    largest = context.then("ReduceMax", [context.blob()], **kept)
    exponentials = context.then("Exp", [context.then("Sub", [context.blob(), largest])])
    logarithm = context.then("Log", [context.then("ReduceSum", [exponentials], **kept)])
    result = context.then("Add", [largest, logarithm])
    context.reshape(result, context.output_shape(), context.output())


@converts("ArgMax", "ArgMin", to="ArgMax, ArgMin; backwards for select_last_index", dtypes=("float32", "int64"))
def arg(context: NodeContext) -> None:
    """Index of the largest or smallest element, int64; of equal ones Caffe2 gives the first."""
    context.require(context.dtype() == "float32", f"input of type {context.dtype()}", "use float32")
    axis, keepdims = context.axis(0), int(context.attribute("keepdims", 1))
    if not context.attribute("select_last_index", 0):
        context.add(context.node.op_type, [context.blob()], axis=axis, keepdims=keepdims)
        return
    last = context.shape()[axis] - 1
    backwards = gather_along(context, context.blob(), axis, range(last, -1, -1))
    index = context.then(context.node.op_type, [backwards], axis=axis, keepdims=keepdims)
    context.add("Sub", [context.weight(np.array([last], np.int64), "last"), index])


@converts(
    "TopK",
    since=10,
    to="TopK; Negative before and behind for the smallest",
    limits="constant k",
    dtypes=("float32", "int64"),
)
def top_k(context: NodeContext) -> None:
    """The k largest in order, and where they stand; of equal ones the first comes first."""
    context.require(context.dtype() == "float32", f"input of type {context.dtype()}", "use float32")
    count = int(context.need_constant(1, "k").reshape(()))
    args: Args = {"k": count, "axis": context.axis(-1)}
    indices = context.output(1)
    if context.attribute("largest", 1):
        context.net.add("TopK", [context.blob()], [context.output(), indices], **args)
        return
    values = context.temporary("negative")
    context.net.add("TopK", [context.then("Negative", [context.blob()])], [values, indices], **args)
    context.add("Negative", [values])


def _axes(context: NodeContext) -> Args | None:
    """Arguments axes and keepdims; None where the node reduces nothing."""
    rank = len(context.shape())
    axes = context.ints("axes", 1)
    if not axes:
        if context.attribute("noop_with_empty_axes", 0) or rank == 0:
            return None
        axes = list(range(rank))
    dims = sorted({positive_axis(axis, rank) for axis in axes})
    return {"axes": dims, "keepdims": int(context.attribute("keepdims", 1))}
