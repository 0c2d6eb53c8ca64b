# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reductions."""

from __future__ import annotations

from mdeploy.caffe2.net import Args
from mdeploy.caffe2.node import NodeContext, positive_axis
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


@converts(
    "ArgMax",
    "ArgMin",
    to="ArgMax, ArgMin",
    limits="of equal elements the first counts (select_last_index=0)",
    dtypes=("float32", "int64"),
)
def arg(context: NodeContext) -> None:
    """Index of the largest or smallest element, int64."""
    context.require(context.dtype() == "float32", f"input of type {context.dtype()}", "use float32")
    context.require(
        not context.attribute("select_last_index", 0), "of equal elements the last counts", "use select_last_index=0"
    )
    keepdims = int(context.attribute("keepdims", 1))
    context.add(context.node.op_type, [context.blob()], axis=context.axis(0), keepdims=keepdims)


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
