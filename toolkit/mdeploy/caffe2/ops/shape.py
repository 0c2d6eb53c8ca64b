# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Operators that move data and leave its values alone."""

from __future__ import annotations

from mdeploy.caffe2.net import Args
from mdeploy.caffe2.node import NodeContext, Unsupported, positive_axis
from mdeploy.caffe2.registry import converts

__all__: list[str] = []

_INT64_MAX = 2**63 - 1


@converts("Concat", since=4, to="Concat, whose second output holds the sizes")
def concat(context: NodeContext) -> None:
    """Caffe2's Concat has exactly two outputs."""
    blobs = [context.blob(index) for index in range(len(context.node.inputs))]
    context.net.add("Concat", blobs, [context.output(), context.temporary("sizes")], axis=context.axis(1))


@converts("Split", since=2, to="Split")
def split(context: NodeContext) -> None:
    """Sizes come from the output shapes, so that every spelling of every opset is the same."""
    axis = context.axis(0)
    count = len(context.node.outputs)
    sizes = [context.output_shape(index)[axis] for index in range(count)]
    context.net.add(
        "Split", [context.blob()], [context.output(index) for index in range(count)], axis=axis, split=sizes
    )


@converts("Reshape", since=5, to="Reshape with the shape as an argument")
def reshape(context: NodeContext) -> None:
    """The shape is written out, so no blob has to hold it."""
    context.reshape(context.blob(), context.output_shape(), context.output())


@converts("Flatten", to="Flatten; Reshape where the axis is not 1")
def flatten(context: NodeContext) -> None:
    """To two dimensions."""
    shape = context.shape()
    axis = int(context.attribute("axis", 1))
    if axis == 1 and len(shape) > 1:
        context.add("Flatten", [context.blob()], axis=1)
    else:
        context.reshape(context.blob(), context.output_shape(), context.output())


@converts("Squeeze", "Unsqueeze", to="Squeeze and ExpandDims")
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
    elif len(context.output_shape()) == 0:
        context.reshape(context.blob(), [], context.output())
    else:
        context.add(kind, [context.blob()], dims=dims)


@converts("Transpose", to="Transpose")
def transpose(context: NodeContext) -> None:
    """The default reverses all axes."""
    axes = context.ints("perm") or list(reversed(range(len(context.shape()))))
    context.add("Transpose", [context.blob()], axes=axes)


@converts("Slice", to="a chain of Slice, one dimension each", limits="constant starts and ends; steps of 1")
def slice_(context: NodeContext) -> None:
    """Caffe2 cuts one dimension at a time, and reads a negative end as that many plus one from the end."""
    shape = context.shape()
    starts, ends = context.ints("starts", 1) or [], context.ints("ends", 2) or []
    axes = context.ints("axes", 3) or list(range(len(starts)))
    steps = context.ints("steps", 4) or [1] * len(starts)
    cuts: list[tuple[int, int, int]] = []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step != 1:
            raise Unsupported(f"a step of {step}", "use steps of 1")
        dim = positive_axis(axis, len(shape))
        first = _clamp(start, shape[dim])
        last = _clamp(end, shape[dim])
        if last <= first:
            raise Unsupported(f"nothing is left of axis {dim}", "keep at least one element")
        if (first, last) != (0, shape[dim]):
            cuts.append((dim, first, last))
    blob = context.blob()
    if not cuts:
        context.add("Copy", [blob])
    for number, (dim, first, last) in enumerate(cuts):
        args: Args = {
            "starts": [first if index == dim else 0 for index in range(len(shape))],
            "ends": [last if index == dim and last != shape[dim] else -1 for index in range(len(shape))],
        }
        if number == len(cuts) - 1:
            context.add("Slice", [blob], **args)
        else:
            blob = context.then("Slice", [blob], **args)


def _clamp(index: int, size: int) -> int:
    return max(0, min(index + size if index < 0 else index, size))
