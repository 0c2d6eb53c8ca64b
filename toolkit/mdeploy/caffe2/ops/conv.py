# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Convolution and transposed convolution."""

from __future__ import annotations

import numpy as np

from mdeploy.caffe2.net import Args, Array
from mdeploy.caffe2.node import NodeContext, Unsupported
from mdeploy.caffe2.ops.window import read_window
from mdeploy.caffe2.registry import converts

__all__: list[str] = []


@converts(
    "Conv",
    to="Conv; one spatial dimension as Conv with a height of 1",
    limits="one or two spatial dimensions; no negative pads",
)
def conv(context: NodeContext) -> None:
    """Strides, dilations, groups and pads of every side, with ``auto_pad`` worked out from the shape."""
    kernels = _kernels(context)
    window = read_window(context, kernels)
    args: Args = {
        "kernels": window.kernels,
        "strides": window.strides,
        "dilations": window.dilations,
        "pads": window.pads(),
        "group": int(context.attribute("group", 1)),
    }
    bias = [context.blob(2)] if context.has_input(2) else []
    if len(kernels) == 2:
        context.add("Conv", [context.blob(0), context.blob(1), *bias], **args)
        return
    if len(kernels) != 1:
        raise Unsupported(f"{len(kernels)} spatial dimensions", "use 2-dimensional convolutions")
    weight = context.weight(context.need_constant(1, "the kernel")[:, :, np.newaxis], "kernel")
    flat: Args = {
        **args,
        "kernels": (1, *window.kernels),
        "strides": (1, *window.strides),
        "dilations": (1, *window.dilations),
        "pads": [0, *window.head, 0, *window.tail],
    }
    tall = context.then("ExpandDims", [context.blob(0)], dims=[2])
    result = context.then("Conv", [tall, weight, *bias], **flat)
    context.add("Squeeze", [result], dims=[2])


@converts(
    "ConvTranspose",
    to="ConvTranspose; a dilated kernel is written out with its zeros",
    limits="two spatial dimensions; constant kernel where dilated; output_padding less than the stride",
)
def conv_transpose(context: NodeContext) -> None:
    """``output_shape`` and ``auto_pad`` are worked out into pads and adjs."""
    context.require_rank(4)
    kernels = _kernels(context)
    context.require(len(kernels) == 2, f"a kernel of shape {list(context.shape(1))}", "repair the ONNX file")
    strides = context.ints("strides") or [1, 1]
    dilations = context.ints("dilations") or [1, 1]
    spans = [dilation * (kernel - 1) + 1 for kernel, dilation in zip(kernels, dilations, strict=True)]
    weight = context.blob(1)
    if any(dilation != 1 for dilation in dilations):  # Caffe2's ConvTranspose has no dilation
        weight = context.weight(_dilate(context.need_constant(1, "the kernel"), spans, dilations), "dilated_kernel")
    pads, adjs = _transposed_pads(context, spans, strides)
    context.require(
        all(adj < stride for adj, stride in zip(adjs, strides, strict=True)),
        f"output_padding {adjs} is not less than the stride {strides}",
        "use a smaller output_padding",
    )
    bias = [context.blob(2)] if context.has_input(2) else []
    context.add(
        "ConvTranspose",
        [context.blob(0), weight, *bias],
        kernels=spans,
        strides=strides,
        pads=pads,
        adjs=adjs,
        group=int(context.attribute("group", 1)),
    )


def _kernels(context: NodeContext) -> tuple[int, ...]:
    shape = context.shape(1)
    declared = context.ints("kernel_shape")
    kernels = tuple(shape[2:])
    if declared is not None and tuple(declared) != kernels:
        raise Unsupported(f"kernel_shape {declared} but a kernel of shape {list(shape)}", "repair the file")
    return kernels


def _transposed_pads(context: NodeContext, spans: list[int], strides: list[int]) -> tuple[list[int], list[int]]:
    """Return Caffe2's pads [top, left, bottom, right] and adjs that give ONNX's output size."""
    adjs = context.ints("output_padding") or [0, 0]
    sizes = context.shape()[2:]
    mode = context.attribute("auto_pad", "NOTSET")
    target = context.ints("output_shape")
    if target is None and mode in ("SAME_UPPER", "SAME_LOWER"):
        target = [size * stride for size, stride in zip(sizes, strides, strict=True)]
    if target is None:
        pads = [0, 0, 0, 0] if mode == "VALID" else context.ints("pads") or [0, 0, 0, 0]
    else:
        totals = []
        for index, wanted in enumerate(target[-2:]):
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
