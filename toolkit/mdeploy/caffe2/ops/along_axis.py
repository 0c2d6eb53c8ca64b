# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What several converters compose from: one axis gathered by constant indices, multiplied, or padded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mdeploy.caffe2.node import NodeContext
from mdeploy.tensors import Array

__all__ = ["gather_along", "moved", "multiply_along", "pad_along"]


def gather_along(context: NodeContext, blob: str, axis: int, indices: Sequence[int] | Array) -> str:
    """Elements ``indices`` of one axis, in that order."""
    return context.then("Gather", [blob, context.weight(np.asarray(indices, np.int64), "rows")], axis=axis)


def multiply_along(context: NodeContext, blob: str, rank: int, axis: int, matrix: Array) -> str:
    """Multiply one axis by a constant (size, new size). The axis goes last, where FC multiplies it, and back."""
    order = [index for index in range(rank) if index != axis] + [axis]
    if axis != rank - 1:
        blob = context.then("Transpose", [blob], axes=order)
    weight = context.weight(np.ascontiguousarray(matrix.T, np.float32), "matrix")
    bias = context.weight(np.zeros(matrix.shape[1], np.float32), "zeros")
    blob = context.then("FC", [blob, weight, bias], axis=rank - 1)
    if axis != rank - 1:
        blob = context.then("Transpose", [blob], axes=[order.index(index) for index in range(rank)])
    return blob


def pad_along(
    context: NodeContext, blob: str, shape: Sequence[int], axis: int, head: int, tail: int, value: Array
) -> str:
    """Put ``head`` and ``tail`` copies of a value, given as an array without dimensions, around one axis."""
    parts = []
    for count in (head, None, tail):
        if count is None:
            parts.append(blob)
        elif count:
            block = np.full([*shape[:axis], count, *shape[axis + 1 :]], value)
            parts.append(context.weight(block, "padding"))
    padded = context.temporary("padded")
    context.net.add("Concat", parts, [padded, context.temporary("sizes")], axis=axis)
    return padded


def moved(context: NodeContext, blob: str, before: Sequence[int], order: Sequence[int], after: Sequence[int]) -> str:
    """Reshape, Transpose, Reshape."""
    return context.reshape(context.then("Transpose", [context.reshape(blob, before)], axes=order), after)
