# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Pooling, where ONNX and Caffe2 differ in rounding and in what padding counts for."""

from __future__ import annotations

from math import prod

from mdeploy.caffe2.net import Args
from mdeploy.caffe2.node import NodeContext
from mdeploy.caffe2.ops.pool_by_axis import average_by_axis, max_by_axis, max_indices, sum_by_axis
from mdeploy.caffe2.ops.window import Window, read_window
from mdeploy.caffe2.registry import converts

__all__: list[str] = []

_BY_AXIS = "with dilation, wide pads or three spatial dimensions: one axis after the other"


@converts(
    "MaxPool",
    to=f"MaxPool; ceil_mode as padding at the tail; {_BY_AXIS}, by Gather and MaxPool; Indices by ArgMax",
    limits="Indices of two spatial dimensions",
    dtypes=("float32", "int64"),
)
def max_pool(context: NodeContext) -> None:
    """Caffe2 ignores ``ceil_mode`` in silence; padding never wins a maximum, so padding the tail says the same."""
    context.require(context.dtype() == "float32", f"pools {context.dtype()}", "pool float32")
    window = _window(context)
    if context.uses_output(1):
        max_indices(context, window)
    if not context.uses_output(0):
        return
    if not _fits(window, window.pads()):
        max_by_axis(context, window)
        return
    flat = _flat(window)
    args: Args = {"kernels": flat.kernels, "strides": flat.strides, "pads": flat.pads()}
    _finish(context, context.then("MaxPool", [_image(context)], **args))


@converts(
    "AveragePool",
    since=7,
    to="AveragePool; PadImage first where padding is counted and Caffe2 would count it otherwise; "
    f"{_BY_AXIS}, by FC with a constant matrix",
)
def average_pool(context: NodeContext) -> None:
    """Divisors: with ``count_include_pad`` ONNX counts the model's padding but not what rounding up adds."""
    window = _window(context)
    counted = bool(context.attribute("count_include_pad", 0)) and window.padded
    pads_first = counted and (any(window.extra) or not _fits(window, window.pads()))
    if not _fits(window, [0] * len(window.head) + list(window.extra) if pads_first else window.pads()):
        average_by_axis(context, window, counted)
        return
    flat = _flat(window)
    blob, pads = _image(context), flat.pads()
    if pads_first:
        # Zeros put in beforehand are data to Caffe2, and its own padding is then only what rounding up adds.
        blob = context.then("PadImage", [blob], pads=flat.pads(with_extra=False), mode="constant", value=0.0)
        counted, pads = False, [0, 0, *flat.extra]
    # Written always: Caffe2's default is not PyTorch's.
    args: Args = {"kernels": flat.kernels, "strides": flat.strides, "pads": pads, "count_include_pad": int(counted)}
    _finish(context, context.then("AveragePool", [blob], **args))


@converts("LpPool", since=2, to=f"Abs, Pow, AveragePool, Scale, Pow; {_BY_AXIS}, by FC with a constant matrix")
def lp_pool(context: NodeContext) -> None:
    """A sum is a mean times the size of the window; zeros around the image add nothing."""
    window = _window(context)
    power = float(context.attribute("p", 2))
    if not _fits(window, window.pads()):
        powers = context.then("Pow", [context.then("Abs", [context.blob()])], exponent=power)
        context.add("Pow", [sum_by_axis(context, powers, window)], exponent=1.0 / power)
        return
    flat = _flat(window)
    args: Args = {"kernels": flat.kernels, "strides": flat.strides, "pads": flat.pads(), "count_include_pad": 1}
    blob = context.then("Pow", [context.then("Abs", [_image(context)])], exponent=power)
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


@converts("GlobalLpPool", since=2, to="ReduceL1, ReduceL2; Abs, Pow, ReduceSum, Pow for a p that is not 1 or 2")
def global_lp_pool(context: NodeContext) -> None:
    """The norm of all spatial dimensions."""
    power = float(context.attribute("p", 2))
    args: Args = {"axes": list(range(2, len(context.shape()))), "keepdims": 1}
    if power in (1.0, 2.0):
        context.add("ReduceL1" if power == 1.0 else "ReduceL2", [context.blob()], **args)
        return
    powers = context.then("Pow", [context.then("Abs", [context.blob()])], exponent=power)
    context.add("Pow", [context.then("ReduceSum", [powers], **args)], exponent=1.0 / power)


def _window(context: NodeContext) -> Window:
    rank = len(context.shape())
    context.require(rank in (3, 4, 5), f"input of shape {list(context.shape())}", "pool over 1, 2 or 3 dimensions")
    return read_window(context, tuple(context.ints("kernel_shape") or ()))


def _fits(window: Window, pads: list[int]) -> bool:
    """Whether Caffe2 pools this window itself, in an image: no dilation, and pads smaller than the kernel."""
    narrow = all(pad < kernel for pad, kernel in zip(pads, window.kernels * 2, strict=True))
    return narrow and len(window.kernels) < 3 and set(window.dilations) == {1}


def _flat(window: Window) -> Window:
    """The window in two dimensions: a line is an image of height 1."""
    if len(window.kernels) == 2:
        return window
    return Window(
        (1, *window.kernels),
        (1, *window.strides),
        (1, *window.dilations),
        (0, *window.head),
        (0, *window.tail),
        (0, *window.extra),
    )


def _image(context: NodeContext) -> str:
    return context.blob() if len(context.shape()) == 4 else context.then("ExpandDims", [context.blob()], dims=[2])


def _finish(context: NodeContext, blob: str) -> None:
    if len(context.shape()) == 4:
        context.finish(blob)
    else:
        context.add("Squeeze", [blob], dims=[2])
