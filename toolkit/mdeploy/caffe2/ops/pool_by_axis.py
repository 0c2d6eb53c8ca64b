# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Windows that Caffe2 does not pool, composed: maxima, means and sums over a box go one axis after the other."""

from __future__ import annotations

from math import prod

import numpy as np

from mdeploy.caffe2.node import NodeContext, Unsupported
from mdeploy.caffe2.ops.along_axis import gather_along, moved, multiply_along
from mdeploy.caffe2.ops.window import Window
from mdeploy.tensors import Array

__all__ = ["average_by_axis", "max_by_axis", "max_indices", "sum_by_axis"]

_LOWEST = float(np.finfo(np.float32).min)


def max_by_axis(context: NodeContext, window: Window) -> None:
    """Gather the elements of every window behind each other, and take the maximum of each such block."""
    blob, shape = context.blob(), list(context.shape())
    for axis in range(2, len(shape)):
        size, kernel = shape[axis], window.kernels[axis - 2]
        rows: list[int] = []
        for taps in _taps(window, axis, size):
            inside = [tap for tap in taps if 0 <= tap < size]
            if not inside:
                raise Unsupported(f"a window lies in the padding of axis {axis} altogether", "use smaller pads")
            rows.extend(tap if tap in inside else inside[0] for tap in taps)  # padding never wins
        blob = gather_along(context, blob, axis, rows)
        column = context.reshape(blob, [1, prod(shape[:axis]), len(rows), prod(shape[axis + 1 :])])
        column = context.then("MaxPool", [column], kernels=[kernel, 1], strides=[kernel, 1], pads=[0, 0, 0, 0])
        shape[axis] = len(rows) // kernel
        blob = context.reshape(column, shape)
    context.finish(blob)


def average_by_axis(context: NodeContext, window: Window, counted: bool) -> None:
    """The divisor of a box is the product of those of its sides. Padding may count, what rounding up adds never."""
    blob, shape = context.blob(), context.shape()
    for axis in range(2, len(shape)):
        low = -window.head[axis - 2] if counted else 0
        high = shape[axis] + (window.tail[axis - 2] if counted else 0)
        taps = _taps(window, axis, shape[axis])
        divisors = [sum(low <= tap < high for tap in line) for line in taps]
        if not all(divisors):
            raise Unsupported(f"a window lies in the padding of axis {axis} altogether", "use smaller pads")
        blob = multiply_along(context, blob, len(shape), axis, _ones(taps, shape[axis]) / np.array(divisors))
    context.finish(blob)


def sum_by_axis(context: NodeContext, blob: str, window: Window) -> str:
    """The sum over every window; padding is zero."""
    shape = context.shape()
    for axis in range(2, len(shape)):
        taps = _taps(window, axis, shape[axis])
        blob = multiply_along(context, blob, len(shape), axis, _ones(taps, shape[axis]))
    return blob


def max_indices(context: NodeContext, window: Window) -> None:
    """ONNX's second output: where in the whole input, counted flat, the maximum of each window stands."""
    shape = context.shape()
    if len(shape) != 4:
        raise Unsupported("Indices of other than two spatial dimensions", "pool images, or leave return_indices out")
    taps = [_taps(window, axis, shape[axis]) for axis in (2, 3)]
    (rows, columns), (high, wide) = (len(taps[0]), len(taps[1])), window.kernels
    blob = context.blob()
    if any(window.pads()):
        blob = context.then("PadImage", [blob], pads=window.pads(), mode="constant", value=_LOWEST, order="NCHW")
    for axis, head, lines in zip((2, 3), window.head, taps, strict=True):
        blob = gather_along(context, blob, axis, [tap + head for line in lines for tap in line])
    channels = shape[0] * shape[1]
    blob = moved(
        context, blob, [channels, rows, high, columns, wide], [0, 1, 3, 2, 4], [*shape[:2], rows, columns, high * wide]
    )
    place = context.then("ArgMax", [blob], axis=4, keepdims=0)

    def number(value: int) -> str:
        return context.weight(np.array([value], np.int64), "number")

    # place = row * wide + column of the window; step by step to the place in the input.
    row = context.then("Div", [place, number(wide)])
    column = context.then("Sub", [place, context.then("Mul", [row, number(wide)])])
    steps = (1, shape[2]) if context.attribute("storage_order", 0) else (shape[3], 1)
    offset = np.arange(channels).reshape(*shape[:2], 1, 1) * (shape[2] * shape[3])
    offset = offset + np.array([line[0] for line in taps[0]]).reshape(-1, 1) * steps[0]
    offset = offset + np.array([line[0] for line in taps[1]]) * steps[1]
    down = context.then("Mul", [row, number(window.dilations[0] * steps[0])])
    right = context.then("Mul", [column, number(window.dilations[1] * steps[1])])
    start = context.then("Add", [down, context.weight(offset.astype(np.int64), "offsets")])
    context.net.add("Add", [start, right], [context.output(1)])


def _taps(window: Window, axis: int, size: int) -> list[list[int]]:
    """For every output position along ``axis`` the input positions that its window touches, padding included."""
    index = axis - 2
    kernel, stride, dilation = window.kernels[index], window.strides[index], window.dilations[index]
    span = dilation * (kernel - 1) + 1
    count = (size + window.head[index] + window.tail[index] + window.extra[index] - span) // stride + 1
    starts = [number * stride - window.head[index] for number in range(count)]
    return [[start + tap * dilation for tap in range(kernel)] for start in starts]


def _ones(taps: list[list[int]], size: int) -> Array:
    """The 0/1 matrix (size, windows) that sums each window."""
    matrix = np.zeros((size, len(taps)))
    for column, line in enumerate(taps):
        for tap in line:
            if 0 <= tap < size:
                matrix[tap, column] = 1.0
    return matrix
