# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Pooling, where ONNX and Caffe2 differ in rounding and in what padding counts for."""

from __future__ import annotations

from mdeploy.caffe2.net import Args
from mdeploy.caffe2.node import NodeContext, Unsupported
from mdeploy.caffe2.ops.window import Window, read_window
from mdeploy.caffe2.registry import converts

__all__: list[str] = []


@converts(
    "MaxPool",
    to="MaxPool; ceil_mode as padding at the tail",
    limits="two spatial dimensions; no dilation; no Indices output; pads smaller than the kernel",
)
def max_pool(context: NodeContext) -> None:
    """Caffe2 ignores ``ceil_mode`` in silence; padding never wins a maximum, so padding the tail says the same."""
    context.require(not context.uses_output(1), "the Indices output is read", "use nn.MaxPool2d without return_indices")
    window = _window(context)
    context.add("MaxPool", [context.blob()], kernels=window.kernels, strides=window.strides, pads=_checked_pads(window))


@converts(
    "AveragePool",
    since=7,
    to="AveragePool; with ceil_mode and count_include_pad PadImage first",
    limits="two spatial dimensions; no dilation; pads smaller than the kernel",
)
def average_pool(context: NodeContext) -> None:
    """Divisors: with ``count_include_pad`` ONNX counts the model's padding but not what rounding up adds."""
    window = _window(context)
    counts_padding = bool(context.attribute("count_include_pad", 0)) and window.padded
    args: Args = {"kernels": window.kernels, "strides": window.strides}
    if counts_padding and any(window.extra):
        # Caffe2 would count both. Zeros put in beforehand are data to it, and its own padding is then the extra.
        padded = context.then("PadImage", [context.blob()], pads=window.pads(with_extra=False), mode="constant")
        context.add("AveragePool", [padded], **args, pads=[0, 0, *window.extra], count_include_pad=0)
        return
    # Written always: Caffe2's default is not PyTorch's.
    context.add(
        "AveragePool", [context.blob()], **args, pads=_checked_pads(window), count_include_pad=int(counts_padding)
    )


@converts("GlobalAveragePool", to="AveragePool with global_pooling; ReduceMean where not 4-dimensional")
def global_average_pool(context: NodeContext) -> None:
    """The mean over all spatial dimensions."""
    rank = len(context.shape())
    if rank == 4:
        context.add("AveragePool", [context.blob()], global_pooling=1)
    else:
        context.add("ReduceMean", [context.blob()], axes=list(range(2, rank)), keepdims=1)


@converts("GlobalMaxPool", to="MaxPool with global_pooling; ReduceMax where not 4-dimensional")
def global_max_pool(context: NodeContext) -> None:
    """The maximum over all spatial dimensions."""
    rank = len(context.shape())
    if rank == 4:
        context.add("MaxPool", [context.blob()], global_pooling=1)
    else:
        context.add("ReduceMax", [context.blob()], axes=list(range(2, rank)), keepdims=1)


def _window(context: NodeContext) -> Window:
    context.require_rank(4)
    kernels = tuple(context.ints("kernel_shape") or ())
    window = read_window(context, kernels)
    if any(dilation != 1 for dilation in window.dilations):
        raise Unsupported(f"dilations {list(window.dilations)}: Caffe2 pools without dilation", "pool without dilation")
    return window


def _checked_pads(window: Window) -> list[int]:
    pads = window.pads()
    if any(pad >= kernel for pad, kernel in zip(pads, window.kernels * 2, strict=True)):
        raise Unsupported(
            f"pads {pads} are not smaller than the kernel {list(window.kernels)}, which Caffe2 wants",
            "use smaller pads",
        )
    return pads
