# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reductions."""

from __future__ import annotations

from mdeploy.caffe2.node import NodeContext, positive_axis
from mdeploy.caffe2.registry import converts

__all__: list[str] = []

_REDUCTIONS = {name: name for name in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2")}


@converts(*_REDUCTIONS, to="the operator of the same name")
def reduction(context: NodeContext) -> None:
    """Axes come as an attribute or, in newer opsets, as an input."""
    rank = len(context.shape())
    axes = context.ints("axes", 1)
    if not axes:
        if context.attribute("noop_with_empty_axes", 0):
            context.add("Copy", [context.blob()])
            return
        axes = list(range(rank))
    context.add(
        _REDUCTIONS[context.node.op_type],
        [context.blob()],
        axes=sorted(positive_axis(axis, rank) for axis in axes),
        keepdims=int(context.attribute("keepdims", 1)),
    )
