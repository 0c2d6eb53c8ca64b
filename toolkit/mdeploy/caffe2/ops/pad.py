# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Padding: Caffe2 pads the two spatial dimensions of an image, everything else is composed."""

from __future__ import annotations

import numpy as np

from mdeploy.caffe2.node import NodeContext, Unsupported, positive_axis
from mdeploy.caffe2.ops.along_axis import gather_along, pad_along
from mdeploy.caffe2.ops.shape import cut
from mdeploy.caffe2.registry import converts
from mdeploy.tensors import Array

__all__: list[str] = []


@converts(
    "Pad",
    since=2,
    to="PadImage on height and width; elsewhere Concat with a constant, or Gather (reflect, edge, wrap)",
    limits="constant pads",
    dtypes=("float32", "int32", "int64"),
)
def pad(context: NodeContext) -> None:
    """Negative pads cut. Reflection must not reach further than the image: Caffe2 reads past the end there."""
    shape = context.shape()
    heads, tails = _pads(context)
    mode = context.attribute("mode", "constant")
    blob = context.blob()
    for axis, size in enumerate(shape):
        head, tail = heads[axis], tails[axis]
        if head < 0 or tail < 0:
            first, last = max(-head, 0), size - max(-tail, 0)
            context.require(first < last, f"pads {head} and {tail} leave nothing of axis {axis}", "pad by less")
            blob = cut(context, blob, len(shape), axis, first, last, size)
    heads, tails = [max(head, 0) for head in heads], [max(tail, 0) for tail in tails]
    sizes = [new - head - tail for new, head, tail in zip(context.output_shape(), heads, tails, strict=True)]
    axes = [axis for axis in range(len(shape)) if heads[axis] or tails[axis]]
    if mode == "reflect":
        for axis in axes:
            if max(heads[axis], tails[axis]) >= sizes[axis]:
                raise Unsupported(f"reflects further than axis {axis} is long", "pad by less")
    if not axes:
        context.finish(blob)
    elif _is_image(context, axes) and mode in ("constant", "reflect", "edge"):
        pads = [heads[2], heads[3], tails[2], tails[3]]
        context.add("PadImage", [blob], pads=pads, mode=mode, value=float(_value(context)), order="NCHW")
    elif mode == "constant":
        value = _value(context)
        for axis in axes:
            blob = pad_along(context, blob, sizes, axis, heads[axis], tails[axis], value)
            sizes[axis] += heads[axis] + tails[axis]
        context.finish(blob)
    elif mode in ("reflect", "edge", "wrap"):
        for axis in axes:
            indices = np.pad(np.arange(sizes[axis]), (heads[axis], tails[axis]), mode=mode)
            blob = gather_along(context, blob, axis, indices)
        context.finish(blob)
    else:
        raise Unsupported(f"mode {mode!r}", "use constant, reflect, edge or wrap")


def _is_image(context: NodeContext, axes: list[int]) -> bool:
    return len(context.shape()) == 4 and min(axes) >= 2 and context.dtype() == "float32"


def _pads(context: NodeContext) -> tuple[list[int], list[int]]:
    rank = len(context.shape())
    pads = context.ints("pads", 1)
    if pads is None:
        raise Unsupported("no pads are given", "repair the ONNX file")
    axes = context.ints("axes", 3) or list(range(rank))
    if len(pads) != 2 * len(axes):
        raise Unsupported(f"{len(pads)} pads for {len(axes)} axes", "repair the ONNX file")
    heads, tails = [0] * rank, [0] * rank
    for number, axis in enumerate(axes):
        heads[positive_axis(axis, rank)] = pads[number]
        tails[positive_axis(axis, rank)] = pads[number + len(axes)]
    return heads, tails


def _value(context: NodeContext) -> Array:
    value = context.attribute("value", 0.0)
    if context.has_input(2):
        value = context.need_constant(2, "the padding value").reshape(())
    return np.asarray(value, context.dtype())
