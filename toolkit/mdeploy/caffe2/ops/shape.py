# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Operators that move data and leave its values alone."""

from __future__ import annotations

import numpy as np

from mdeploy.caffe2.node import NodeContext, Unsupported, positive_axis
from mdeploy.caffe2.registry import converts

__all__ = ["cut"]

_MOVABLE = ("float32", "int32", "int64")
_ANY = (*_MOVABLE, "uint8", "bool")


@converts("Concat", since=4, to="Concat, whose second output holds the sizes", dtypes=_MOVABLE)
def concat(context: NodeContext) -> None:
    """Caffe2's Concat has exactly two outputs."""
    blobs = [context.blob(index) for index in range(len(context.node.inputs))]
    context.net.add("Concat", blobs, [context.output(), context.temporary("sizes")], axis=context.axis(1))


@converts("Split", since=2, to="Split", dtypes=_MOVABLE)
def split(context: NodeContext) -> None:
    """Sizes come from the output shapes, so that every spelling of every opset is the same."""
    axis = context.axis(0)
    count = len(context.node.outputs)
    sizes = [context.output_shape(index)[axis] for index in range(count)]
    outputs = [context.output(index) for index in range(count)]
    context.net.add("Split", [context.blob()], outputs, axis=axis, split=sizes)


@converts("Reshape", since=5, to="Reshape with the shape as an argument", dtypes=_ANY)
def reshape(context: NodeContext) -> None:
    """The shape is written out, so no blob has to hold it."""
    context.reshape(context.blob(), context.output_shape(), context.output())


@converts("Flatten", to="Flatten; Reshape where the axis is not 1", dtypes=_ANY)
def flatten(context: NodeContext) -> None:
    """To two dimensions."""
    shape = context.shape()
    axis = int(context.attribute("axis", 1))
    if axis == 1 and len(shape) > 1:
        context.add("Flatten", [context.blob()], axis=1)
    else:
        context.reshape(context.blob(), context.output_shape(), context.output())


@converts("Squeeze", "Unsqueeze", to="Squeeze and ExpandDims", dtypes=_ANY)
def squeeze(context: NodeContext) -> None:
    """Dimensions of size 1 taken away or put in. ExpandDims counts in the output, as ONNX does."""
    axes = context.ints("axes", 1)
    if context.node.op_type == "Squeeze":
        if axes is None:
            axes = [index for index, size in enumerate(context.shape()) if size == 1]
        kind, rank = "Squeeze", len(context.shape())
    else:
        kind, rank = "ExpandDims", len(context.output_shape())
    dims = sorted(positive_axis(axis, rank) for axis in axes or [])
    if not dims:
        context.add("Copy", [context.blob()])
    elif not context.shape() or not context.output_shape():
        context.reshape(context.blob(), context.output_shape(), context.output())
    else:
        context.add(kind, [context.blob()], dims=dims)


@converts("Transpose", to="Transpose", dtypes=_MOVABLE)
def transpose(context: NodeContext) -> None:
    """The default reverses all axes."""
    axes = context.ints("perm") or list(reversed(range(len(context.shape()))))
    if not axes:
        context.add("Copy", [context.blob()])
    else:
        context.add("Transpose", [context.blob()], axes=axes)


@converts(
    "Slice",
    to="a chain of Slice, one dimension each; Gather for steps",
    limits="constant starts, ends and steps; something must be left",
    dtypes=_MOVABLE,
)
def slice_(context: NodeContext) -> None:
    """Caffe2 cuts one dimension at a time, without steps."""
    shape = context.shape()
    starts, ends = context.ints("starts", 1), context.ints("ends", 2)
    if starts is None or ends is None:
        raise Unsupported("starts or ends are missing", "repair the ONNX file")
    axes = context.ints("axes", 3) or list(range(len(starts)))
    steps = context.ints("steps", 4) or [1] * len(starts)
    blob = context.blob()
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        dim = positive_axis(axis, len(shape))
        chosen = range(shape[dim])[slice(start, end if end > -(2**62) else None, step)]
        if not chosen:
            raise Unsupported(f"nothing is left of axis {dim}", "keep at least one element")
        if step == 1:
            blob = cut(context, blob, len(shape), dim, chosen[0], chosen[-1] + 1, shape[dim])
        else:
            rows = context.weight(np.array(chosen, np.int64), "rows")
            blob = context.then("Gather", [blob, rows], axis=dim)
    context.finish(blob)


def cut(context: NodeContext, blob: str, rank: int, axis: int, first: int, last: int, size: int) -> str:
    """Keep [first, last) of one axis; the blob itself where that is all of it.

    Caffe2 reads an end of -1 as the end, and cuts one dimension at a time.
    """
    if (first, last) == (0, size):
        return blob
    starts = [first if index == axis else 0 for index in range(rank)]
    ends = [last if index == axis and last != size else -1 for index in range(rank)]
    return context.then("Slice", [blob], starts=starts, ends=ends)


@converts("Gather", to="Gather", dtypes=_MOVABLE)
def gather(context: NodeContext) -> None:
    """Rows of any axis. Constant indices are checked here, computed ones by the runtime."""
    axis = context.axis(0)
    shape, constant = context.shape(), context.constant(1)
    if constant is None:
        rows = context.blob(1) if context.shape(1) else context.reshape(context.blob(1), [1])
        if axis:  # Caffe2 counts from the end on the first axis only
            zero, size = (context.weight(np.array([item], context.dtype(1)), "size") for item in (0, shape[axis]))
            negative = context.then("LT", [rows, zero])
            rows = context.then("Where", [negative, context.then("Add", [rows, size]), rows])
    else:
        indices = constant.astype(np.int64)
        if indices.size == 0 or indices.min() < -shape[axis] or indices.max() >= shape[axis]:
            raise Unsupported(f"indices outside of axis {axis} of {list(shape)}", "repair the ONNX file")
        rows = context.weight(np.where(indices < 0, indices + shape[axis], indices).ravel(), "rows")
    if len(context.shape(1)) == 1 or (constant is None and context.shape(1)):
        context.add("Gather", [context.blob(), rows], axis=axis)
        return
    flat = context.then("Gather", [context.blob(), rows], axis=axis)
    context.reshape(flat, context.output_shape(), context.output())


@converts("Expand", since=8, to="Expand, with a constant shape", dtypes=_MOVABLE)
def expand(context: NodeContext) -> None:
    """Broadcasting written out."""
    context.finish(context.expanded(0))


@converts("Tile", since=6, to="a chain of Tile, one axis each")
def tile(context: NodeContext) -> None:
    """Repeats come from the shapes."""
    blob = context.blob()
    for axis, (size, new_size) in enumerate(zip(context.shape(), context.output_shape(), strict=True)):
        if size != new_size:
            blob = context.then("Tile", [blob], tiles=new_size // size, axis=axis)
    context.finish(blob)


@converts("DepthToSpace", "SpaceToDepth", to="Reshape, Transpose, Reshape")
def depth_to_space(context: NodeContext) -> None:
    """Blocks of pixels to channels and back."""
    context.require_rank(4)
    batch, channels, height, width = context.shape()
    block = int(context.attribute("blocksize"))
    if context.node.op_type == "SpaceToDepth":
        split_shape = [batch, channels, height // block, block, width // block, block]
        order = [0, 3, 5, 1, 2, 4] if context.attribute("mode", "DCR") == "DCR" else [0, 1, 3, 5, 2, 4]
    elif context.attribute("mode", "DCR") == "DCR":
        split_shape = [batch, block, block, channels // block**2, height, width]
        order = [0, 3, 4, 1, 5, 2]
    else:
        split_shape = [batch, channels // block**2, block, block, height, width]
        order = [0, 1, 4, 2, 5, 3]
    parts = context.reshape(context.blob(), split_shape)
    context.reshape(context.then("Transpose", [parts], axes=order), context.output_shape(), context.output())


_CASTS = {"float32": 1, "int32": 2, "bool": 5, "uint8": 6, "int64": 10}


@converts("Cast", since=6, to="Cast", dtypes=_ANY)
def cast(context: NodeContext) -> None:
    """Between the types that Caffe2's tensors have."""
    context.add("Cast", [context.blob()], to=_CASTS[context.output_dtype()])
