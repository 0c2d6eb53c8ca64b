# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Convolution and transposed convolution."""

from __future__ import annotations

import numpy as np

from mdeploy.caffe2.net import Args
from mdeploy.caffe2.node import NodeContext, Unsupported
from mdeploy.caffe2.ops.conv_3d import conv_3d, conv_transpose_3d
from mdeploy.caffe2.ops.window import read_window
from mdeploy.caffe2.registry import converts
from mdeploy.tensors import Array

__all__: list[str] = []


@converts(
    "Conv",
    to="Conv; one spatial dimension as Conv with a height of 1, three as Conv of gathered slices",
    limits="no negative pads; constant kernel in three dimensions",
)
def conv(context: NodeContext) -> None:
    """Strides, dilations, groups and pads of every side, with ``auto_pad`` worked out from the shape."""
    kernels = _kernels(context)
    window = read_window(context, kernels)
    group = int(context.attribute("group", 1))
    if len(kernels) == 3:
        conv_3d(context, window, group)
        return
    line = len(kernels) == 1
    one, zero = ((1,), (0,)) if line else ((), ())
    args: Args = {
        "kernels": (*one, *window.kernels),
        "strides": (*one, *window.strides),
        "dilations": (*one, *window.dilations),
        "pads": [*zero, *window.head, *zero, *window.tail],
        "group": group,
    }
    bias = [context.blob(2)] if context.has_input(2) else []
    if not line:
        context.add("Conv", [context.blob(0), context.blob(1), *bias], **args)
        return
    result = context.then("Conv", [_tall(context, 0), _tall(context, 1), *bias], **args)
    context.add("Squeeze", [result], dims=[2])


@converts(
    "ConvTranspose",
    to="ConvTranspose; a dilated kernel is written out with its zeros; one spatial dimension with a height of 1, "
    "three by FC over slices",
    limits="constant kernel where dilated or in three dimensions; no negative pads; output_padding below the stride",
)
def conv_transpose(context: NodeContext) -> None:
    """``output_shape`` and ``auto_pad`` are worked out into pads and adjs."""
    kernels = _kernels(context)
    rank = len(kernels)
    strides = context.ints("strides") or [1] * rank
    dilations = context.ints("dilations") or [1] * rank
    spans = [dilation * (kernel - 1) + 1 for kernel, dilation in zip(kernels, dilations, strict=True)]
    pads, adjs = _transposed_pads(context, spans, strides)
    context.require(
        all(adj < stride for adj, stride in zip(adjs, strides, strict=True)),
        f"output_padding {adjs} is not less than the stride {strides}",
        "use a smaller output_padding",
    )
    group = int(context.attribute("group", 1))
    if rank == 3:
        conv_transpose_3d(context, strides, dilations, pads, adjs, group)
        return
    line = rank == 1
    one, zero = ([1], [0]) if line else ([], [])
    args: Args = {
        "kernels": [*one, *spans],
        "strides": [*one, *strides],
        "pads": [*zero, *pads[:rank], *zero, *pads[rank:]],
        "adjs": [*zero, *adjs],
        "group": group,
    }
    weight = _tall(context, 1) if line else context.blob(1)
    if any(dilation != 1 for dilation in dilations):  # Caffe2's ConvTranspose has no dilation
        kernel = context.need_constant(1, "the kernel")
        kernel = kernel[:, :, np.newaxis] if line else kernel
        weight = context.weight(_dilate(kernel, [*one, *spans], [*one, *dilations]), "dilated_kernel")
    inputs = [_tall(context, 0) if line else context.blob(0), weight]
    inputs += [context.blob(2)] if context.has_input(2) else []
    if line:
        context.add("Squeeze", [context.then("ConvTranspose", inputs, **args)], dims=[2])
    else:
        context.add("ConvTranspose", inputs, **args)


def _tall(context: NodeContext, index: int) -> str:
    """A line as an image of height 1: an input or a kernel of three dimensions with a new one before the last."""
    array = context.constant(index)
    if array is not None:
        return context.weight(array[:, :, np.newaxis], "kernel")
    return context.then("ExpandDims", [context.blob(index)], dims=[2])


def _kernels(context: NodeContext) -> tuple[int, ...]:
    shape = context.shape(1)
    declared = context.ints("kernel_shape")
    kernels = tuple(shape[2:])
    if declared is not None and tuple(declared) != kernels:
        raise Unsupported(f"kernel_shape {declared} but a kernel of shape {list(shape)}", "repair the file")
    if len(kernels) not in (1, 2, 3) or len(context.shape()) != len(shape):
        raise Unsupported(
            f"a kernel of shape {list(shape)} on an input of shape {list(context.shape())}",
            "convolve over 1, 2 or 3 dimensions",
        )
    return kernels


def _transposed_pads(context: NodeContext, spans: list[int], strides: list[int]) -> tuple[list[int], list[int]]:
    """Return pads, all heads and then all tails, and adjs that give ONNX's output size."""
    rank = len(spans)
    adjs = context.ints("output_padding") or [0] * rank
    sizes = context.shape()[2:]
    mode = context.attribute("auto_pad", "NOTSET")
    target = context.ints("output_shape")
    if target is None and mode in ("SAME_UPPER", "SAME_LOWER"):
        target = [size * stride for size, stride in zip(sizes, strides, strict=True)]
    if target is None:
        pads = [0] * (2 * rank) if mode == "VALID" else context.ints("pads") or [0] * (2 * rank)
    else:
        totals = []
        for index, wanted in enumerate(target[-rank:]):
            total = strides[index] * (sizes[index] - 1) + adjs[index] + spans[index] - wanted
            if total < 0:  # more output than the kernel reaches: ONNX fills up with output_padding
                adjs[index] -= total
                total = 0
            totals.append(total)
        small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
        pads = [*small, *large] if mode == "SAME_UPPER" else [*large, *small]
    if min(pads) < 0:
        raise Unsupported(f"negative pads {pads}", "slice in the model")
    return pads, adjs


def _dilate(weight: Array, spans: list[int], dilations: list[int]) -> Array:
    out = np.zeros((*weight.shape[:2], *spans), weight.dtype)
    out[:, :, :: dilations[0], :: dilations[1]] = weight
    return out
