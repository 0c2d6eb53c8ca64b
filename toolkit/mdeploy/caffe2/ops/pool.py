# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Pooling, where ONNX and Caffe2 differ in rounding and in what padding counts for."""

from __future__ import annotations

from math import prod

from mdeploy.caffe2.net import Args
from mdeploy.caffe2.node import NodeContext, Unsupported
from mdeploy.caffe2.ops.window import Window, read_window
from mdeploy.caffe2.registry import converts

__all__: list[str] = []


@converts(
    "MaxPool",
    to="MaxPool; ceil_mode as padding at the tail",
    limits="one or two spatial dimensions; no dilation; no Indices output; pads smaller than the kernel",
)
def max_pool(context: NodeContext) -> None:
    """Caffe2 ignores ``ceil_mode`` in silence; padding never wins a maximum, so padding the tail says the same."""
    context.require(not context.uses_output(1), "the Indices output is read", "use nn.MaxPool2d without return_indices")
    window = _window(context)
    args: Args = {"kernels": window.kernels, "strides": window.strides, "pads": _checked_pads(window)}
    _finish(context, context.then("MaxPool", [_picture(context)], **args))


@converts(
    "AveragePool",
    since=7,
    to="AveragePool; PadImage first where padding is counted and Caffe2 would count it otherwise",
    limits="one or two spatial dimensions; no dilation; pads smaller than the kernel unless they are counted",
)
def average_pool(context: NodeContext) -> None:
    """Divisors: with ``count_include_pad`` ONNX counts the model's padding but not what rounding up adds."""
    window = _window(context)
    counted = bool(context.attribute("count_include_pad", 0)) and window.padded
    blob = _picture(context)
    pads = window.pads()
    if counted and (any(window.extra) or _too_wide(window, window.pads())):
        # Zeros put in beforehand are data to Caffe2, and its own padding is then only what rounding up adds.
        blob = context.then("PadImage", [blob], pads=window.pads(with_extra=False), mode="constant", value=0.0)
        counted, pads = False, [0, 0, *window.extra]
    elif _too_wide(window, pads):
        raise _refuse_pads(window)
    # Written always: Caffe2's default is not PyTorch's.
    args: Args = {"kernels": window.kernels, "strides": window.strides, "pads": pads, "count_include_pad": int(counted)}
    _finish(context, context.then("AveragePool", [blob], **args))


@converts("LpPool", since=2, to="Abs, Pow, AveragePool, Scale, Pow", limits="as AveragePool")
def lp_pool(context: NodeContext) -> None:
    """A sum is a mean times the size of the window; zeros around the picture add nothing."""
    window = _window(context)
    power = float(context.attribute("p", 2))
    args: Args = {
        "kernels": window.kernels,
        "strides": window.strides,
        "pads": _checked_pads(window),
        "count_include_pad": 1,
    }
    blob = context.then("Pow", [context.then("Abs", [_picture(context)])], exponent=power)
    total = context.then("Scale", [context.then("AveragePool", [blob], **args)], scale=float(prod(window.kernels)))
    _finish(context, context.then("Pow", [total], exponent=1.0 / power))


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


@converts("GlobalLpPool", since=2, to="ReduceL1, ReduceL2", limits="p of 1 or 2")
def global_lp_pool(context: NodeContext) -> None:
    """The norm of all spatial dimensions."""
    kind = {1: "ReduceL1", 2: "ReduceL2"}.get(int(context.attribute("p", 2)))
    if kind is None:
        raise Unsupported(f"p of {context.attribute('p')}", "use 1 or 2")
    context.add(kind, [context.blob()], axes=list(range(2, len(context.shape()))), keepdims=1)


def _window(context: NodeContext) -> Window:
    """The window in two spatial dimensions; one dimension becomes a picture of height 1."""
    rank = len(context.shape())
    kernels = tuple(context.ints("kernel_shape") or ())
    if rank not in (3, 4):
        raise Unsupported(f"input of shape {list(context.shape())}", "pool over one or two spatial dimensions")
    window = read_window(context, kernels)
    if any(dilation != 1 for dilation in window.dilations):
        raise Unsupported(f"dilations {list(window.dilations)}: Caffe2 pools without dilation", "pool without dilation")
    if rank == 4:
        return window
    return Window(
        (1, *window.kernels),
        (1, *window.strides),
        (1, *window.dilations),
        (0, *window.head),
        (0, *window.tail),
        (0, *window.extra),
    )


def _picture(context: NodeContext) -> str:
    return context.blob() if len(context.shape()) == 4 else context.then("ExpandDims", [context.blob()], dims=[2])


def _finish(context: NodeContext, blob: str) -> None:
    if len(context.shape()) == 4:
        context.finish(blob)
    else:
        context.add("Squeeze", [blob], dims=[2])


def _too_wide(window: Window, pads: list[int]) -> bool:
    return any(pad >= kernel for pad, kernel in zip(pads, window.kernels * 2, strict=True))


def _checked_pads(window: Window) -> list[int]:
    pads = window.pads()
    if _too_wide(window, pads):
        raise _refuse_pads(window)
    return pads


def _refuse_pads(window: Window) -> Unsupported:
    return Unsupported(
        f"pads {window.pads()} are not smaller than the kernel {list(window.kernels)}, which Caffe2 wants",
        "use smaller pads",
    )
