# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Resizing, exactly as ONNX means it in each of its many modes.

Every mode is linear in the image and works on one axis at a time. onnxruntime is asked what it does to a basis
(resize_response.py), and the answer is written down: as indices for the nearest modes, as a matrix for the others.
"""

from __future__ import annotations

import numpy as np

from mdeploy.caffe2.node import NodeContext
from mdeploy.caffe2.ops.along_axis import gather_along, multiply_along
from mdeploy.caffe2.ops.resize_response import response_along, responses
from mdeploy.caffe2.registry import converts
from mdeploy.tensors import Array

__all__: list[str] = []

_SCALE_INPUT = {"Resize": 2, "Upsample": 1}


@converts(
    "Resize",
    "Upsample",
    since=7,
    to="ResizeNearest where its rule fits, else Gather (nearest) or products with constant matrices (linear, cubic)",
    limits="constant scales or sizes; align_corners by scales only where they give whole sizes",
)
def resize(context: NodeContext) -> None:
    """One axis after the other."""
    shape, target = context.shape(), context.output_shape()
    scales = _scales(context)
    if context.attribute("coordinate_transformation_mode") == "align_corners":
        # The standard aligns to the size before it is cut to a whole number, PyTorch and onnxruntime to the one after.
        context.require(
            all(
                scale is None or abs(scale * size - round(scale * size)) < 1e-4
                for scale, size in zip(scales, shape, strict=True)
            ),
            "aligns corners by scales that give no whole size, which runtimes read differently",
            "give the size itself",
        )
    crops = context.attribute("coordinate_transformation_mode") == "tf_crop_and_resize"
    if crops or context.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        _resize_together(context, crops)
        return
    axes = [axis for axis in range(len(shape)) if shape[axis] != target[axis] or scales[axis] not in (None, 1.0)]
    steps = [(axis, response_along(context, axis, scales[axis])) for axis in axes]
    nearest = context.attribute("mode", "nearest") == "nearest"
    if nearest and len(shape) == 4 and all(axis in (2, 3) for axis in axes) and axes and _plain_rule(steps, target):
        height, width = (target[axis] / shape[axis] for axis in (2, 3))
        context.add("ResizeNearest", [context.blob()], height_scale=height, width_scale=width, order="NCHW")
        return
    blob = context.blob()
    for axis, response in steps:
        blob = (
            gather_along(context, blob, axis, response.argmax(axis=0))
            if nearest
            else multiply_along(context, blob, len(shape), axis, response)
        )
    context.finish(blob)


def _resize_together(context: NodeContext, crops: bool) -> None:
    """What the node does to one axis depends on the others: a common scale, or a box to cut out."""
    rank = len(context.shape())
    blob, inside = context.blob(), np.ones((1,) * rank, np.float32)
    for axis, response in responses(context).items():
        blob = multiply_along(context, blob, rank, axis, response)
        inside = inside * response.any(axis=0).reshape([-1 if index == axis else 1 for index in range(rank)])
    value = float(context.attribute("extrapolation_value", 0.0))
    if crops and value and not inside.all():  # outside of the image the products gave zero
        outside = np.broadcast_to((1 - inside) * np.float32(value), context.output_shape())
        blob = context.then("Add", [blob, context.weight(outside, "outside")])
    context.finish(blob)


def _scales(context: NodeContext) -> list[float | None]:
    """Scale per axis where the node gives scales; None where it gives sizes."""
    rank = len(context.shape())
    index = _SCALE_INPUT[context.node.op_type]
    if context.node.op_type == "Resize" and context.opset < 11:
        index = 1
    values = context.attribute("scales")
    if values is None and context.has_input(index):
        values = context.need_constant(index, "scales").ravel()
    if values is None or len(values) == 0:
        return [None] * rank
    scales: list[float | None] = [1.0] * rank
    for axis, scale in zip(context.ints("axes") or range(rank), values, strict=True):
        scales[axis % rank] = float(scale)
    return scales


def _plain_rule(steps: list[tuple[int, Array]], target: tuple[int, ...]) -> bool:
    """Whether Caffe2's own rule, source = floor(position / scale), picks the same elements with some room to spare."""
    for axis, response in steps:
        size, new_size = response.shape
        if new_size % size:
            return False  # a scale that is no whole number leaves the floor to rounding
        expected = np.arange(target[axis]) // (new_size // size)
        if not np.array_equal(response.argmax(axis=0), expected):
            return False
    return True
