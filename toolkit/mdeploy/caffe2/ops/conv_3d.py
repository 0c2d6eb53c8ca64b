# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Convolution over three spatial dimensions, composed from the one over two: depth becomes channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mdeploy.caffe2.net import Args
from mdeploy.caffe2.node import NodeContext
from mdeploy.caffe2.ops.along_axis import gather_along, moved, pad_along
from mdeploy.caffe2.ops.window import Window

__all__ = ["conv_3d", "conv_transpose_3d"]


def conv_3d(context: NodeContext, window: Window, group: int) -> None:
    """Every output slice is an image whose channels are those of the input slices that the kernel covers."""
    batch, channels, depth, height, width = context.shape()
    kernel = context.need_constant(1, "the kernel")
    maps, deep = kernel.shape[0], window.kernels[0]
    blob = context.blob()
    if window.head[0] or window.tail[0]:
        shape = (batch, channels, depth, height, width)
        blob = pad_along(context, blob, shape, 2, window.head[0], window.tail[0], np.array(0.0, np.float32))
    slices, rows, columns = context.output_shape()[2:]
    taps = [s * window.strides[0] + k * window.dilations[0] for s in range(slices) for k in range(deep)]
    blob = moved(
        context,
        gather_along(context, blob, 2, taps),
        [batch, channels, slices, deep, height * width],
        [0, 2, 1, 3, 4],
        [batch * slices, channels * deep, height, width],
    )
    weight = context.weight(kernel.reshape(maps, -1, *kernel.shape[3:]), "kernel")
    bias = [context.blob(2)] if context.has_input(2) else []
    args: Args = {
        "kernels": window.kernels[1:],
        "strides": window.strides[1:],
        "dilations": window.dilations[1:],
        "pads": [*window.head[1:], *window.tail[1:]],
        "group": group,
    }
    images = context.then("Conv", [blob, weight, *bias], **args)
    context.finish(moved(context, images, [batch, slices, maps, rows * columns], [0, 2, 1, 3], context.output_shape()))


def conv_transpose_3d(
    context: NodeContext,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    adjs: Sequence[int],
    group: int,
) -> None:
    """Every input slice gives an image for each slice of the kernel; a 0/1 matrix adds them up where they overlap.

    ``pads`` are three heads and three tails.
    """
    batch, channels, depth, height, width = context.shape()
    kernel = context.need_constant(1, "the kernel")
    deep, high, wide = kernel.shape[2:]
    maps = kernel.shape[1] * group
    slices, rows, columns = context.output_shape()[2:]
    spread = np.zeros(
        (channels, kernel.shape[1], deep, dilations[1] * (high - 1) + 1, dilations[2] * (wide - 1) + 1), np.float32
    )
    spread[..., :: dilations[1], :: dilations[2]] = kernel
    images = moved(
        context,
        context.blob(),
        [batch, channels, depth, height * width],
        [0, 2, 1, 3],
        [batch * depth, channels, height, width],
    )
    weight = context.weight(spread.reshape(channels, -1, *spread.shape[3:]), "kernel")
    args: Args = {
        "kernels": spread.shape[3:],
        "strides": strides[1:],
        "pads": [*pads[1:3], *pads[4:6]],
        "adjs": adjs[1:],
        "group": group,
    }
    parts = moved(
        context,
        context.then("ConvTranspose", [images, weight], **args),
        [batch, depth, maps, deep, rows * columns],
        [0, 2, 4, 1, 3],
        [batch * maps * rows * columns, depth * deep],
    )
    overlap = np.zeros((slices, depth * deep), np.float32)
    for source in range(depth):
        for tap in range(deep):
            place = source * strides[0] + tap * dilations[0] - pads[0]
            if 0 <= place < slices:
                overlap[place, source * deep + tap] = 1.0
    matrix, zeros = context.weight(overlap, "overlap"), context.weight(np.zeros(slices, np.float32), "zeros")
    summed = context.then("FC", [parts, matrix, zeros])
    result = moved(context, summed, [batch, maps, rows * columns, slices], [0, 1, 3, 2], context.output_shape())
    if context.has_input(2):
        bias = context.need_constant(2, "the bias").reshape(-1, 1, 1, 1)
        context.add("Add", [result, context.weight(bias, "bias")])
    else:
        context.finish(result)
