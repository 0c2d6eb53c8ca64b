# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Matrix products."""

from __future__ import annotations

import numpy as np

from mdeploy.caffe2.node import NodeContext
from mdeploy.caffe2.registry import converts

__all__: list[str] = []


@converts("Gemm", since=7, to="FC or FCTransposed; a C that is not one value per column is added after it")
def gemm(context: NodeContext) -> None:
    """Y = alpha * A' * B' + beta * C. Caffe2's FC takes exactly three inputs, its weight as (N, K)."""
    alpha, beta = float(context.attribute("alpha", 1.0)), float(context.attribute("beta", 1.0))
    data = context.blob(0)
    if context.attribute("transA", 0):
        data = context.then("Transpose", [data], axes=[1, 0])
    columns = context.output_shape()[1]
    kind, weight, alpha = _weight(context, alpha)

    bias, addend = np.zeros(columns, np.float32), None
    if context.has_input(2) and beta != 0:
        array = context.constant(2)
        if array is not None and alpha == 1 and array.size in (1, columns) and array.shape[:-1] in ((), (1,)):
            bias = np.broadcast_to(array.reshape(-1) * np.float32(beta), (columns,))
        elif context.shape(2) == (columns,) and alpha == beta == 1:
            context.add(kind, [data, weight, context.blob(2)])
            return
        else:
            addend = context.blob(2) if array is None or array.ndim else context.weight(array.reshape(1), "addend")

    inputs = [data, weight, context.weight(bias, "bias")]
    if addend is None and alpha == 1:
        context.add(kind, inputs)
        return
    product = context.then(kind, inputs)
    if addend is None:
        context.add("Scale", [product], scale=alpha)
        return
    if alpha != 1:
        product = context.then("Scale", [product], scale=alpha)
    if beta != 1:
        addend = context.then("Scale", [addend], scale=beta)
    context.add("Add", [product, addend])


def _weight(context: NodeContext, alpha: float) -> tuple[str, str, float]:
    """Return operator, weight blob, and what is left of alpha after it went into a constant weight."""
    transposed = bool(context.attribute("transB", 0))
    array = context.constant(1)
    if array is None:
        return ("FC" if transposed else "FCTransposed"), context.blob(1), alpha
    if transposed and alpha == 1:
        return "FC", context.blob(1), 1.0
    matrix = (array if transposed else array.T) * np.float32(alpha)
    return "FC", context.weight(matrix, "weight"), 1.0


@converts("MatMul", to="FC where B is a constant matrix, otherwise MatMul or BatchMatMul")
def mat_mul(context: NodeContext) -> None:
    """With a constant matrix every leading dimension is a row of FC."""
    a, b = context.shape(0), context.shape(1)
    array = context.constant(1)
    if array is not None and array.ndim == 2 and len(a) >= 2:
        weight = context.weight(np.ascontiguousarray(array.T), "weight")
        bias = context.weight(np.zeros(array.shape[1], np.float32), "bias")
        context.add("FC", [context.blob(0), weight, bias], axis=len(a) - 1)
        return
    if len(a) == len(b) == 2:
        context.add("MatMul", [context.blob(0), context.blob(1)])
        return
    left, right = context.blob(0), context.blob(1)
    if len(a) == 1:  # a vector is a row on the left and a column on the right
        left = context.reshape(left, [1, a[0]])
    if len(b) == 1:
        right = context.reshape(right, [b[0], 1])
    product = context.then("BatchMatMul", [left, right], broadcast=1)
    if len(a) == 1 or len(b) == 1:
        context.reshape(product, context.output_shape(), context.output())
    else:
        context.finish(product)
