# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Normalisation."""

from __future__ import annotations

from math import prod

import numpy as np

from mdeploy.caffe2.net import Args
from mdeploy.caffe2.node import NodeContext
from mdeploy.caffe2.registry import converts

__all__: list[str] = []

_SMALLEST = float(np.finfo(np.float32).tiny)


@converts(
    "BatchNormalization",
    since=7,
    to="SpatialBN with is_test=1; InstanceNorm where no statistics were kept",
    limits="inference form; of a layer that keeps no statistics, batch 1",
)
def batch_normalization(context: NodeContext) -> None:
    """Scale, bias, mean and variance of the training stay as they are; the runtime folds them."""
    computed = any(context.uses_output(index) for index in range(1, 5)) or bool(context.attribute("training_mode", 0))
    if computed and _keeps_none(context):
        context.require(
            context.shape()[0] == 1,
            "the layer keeps no running statistics and takes those of the batch",
            "convert with batch 1, or train with track_running_stats=True",
        )
        instance_normalization(context)
        return
    context.require(
        not computed, "batch statistics are computed (training mode)", "export the model in eval mode: model.eval()"
    )
    context.require(
        context.attribute("spatial", 1) == 1, "spatial=0 normalises every element by itself", "use spatial=1"
    )
    shape = context.shape()
    args: Args = {"is_test": 1, "epsilon": float(context.attribute("epsilon", 1e-5)), "order": "NCHW"}
    parameters = [context.blob(index) for index in range(1, 5)]
    if len(shape) == 4:
        context.add("SpatialBN", [context.blob(), *parameters], **args)
        return
    context.require(len(shape) >= 2, f"input of shape {list(shape)}", "use BatchNorm1d or BatchNorm2d")
    square = context.reshape(context.blob(), [*shape[:2], prod(shape[2:]), 1])
    context.reshape(context.then("SpatialBN", [square, *parameters], **args), shape, context.output())


def _keeps_none(context: NodeContext) -> bool:
    """Whether no running statistics go in: the exporters compute what stands for them, or write mean 0, variance 1."""
    mean, variance = context.constant(3), context.constant(4)
    return mean is None or variance is None or (not mean.any() and bool((variance == 1).all()))


@converts("InstanceNormalization", since=6, to="InstanceNorm")
def instance_normalization(context: NodeContext) -> None:
    """Each channel of each image by itself."""
    shape = context.shape()
    inputs = [context.blob(1), context.blob(2)]
    args: Args = {"epsilon": float(context.attribute("epsilon", 1e-5)), "order": "NCHW"}
    if len(shape) == 4:
        context.add("InstanceNorm", [context.blob(), *inputs], **args)
        return
    square = context.reshape(context.blob(), [*shape[:2], prod(shape[2:]), 1])
    context.reshape(context.then("InstanceNorm", [square, *inputs], **args), shape, context.output())


@converts("LayerNormalization", since=17, to="LayerNorm, then Mul and Add; Reciprocal of its third output")
def layer_normalization(context: NodeContext) -> None:
    """Everything from ``axis`` on together. Caffe2's LayerNorm gives the deviation, ONNX wants one over it."""
    blob, mean, deviation = (context.temporary(hint) for hint in ("normalised", "mean", "deviation"))
    args: Args = {"axis": context.axis(-1), "epsilon": float(context.attribute("epsilon", 1e-5))}
    context.net.add("LayerNorm", [context.blob()], [blob, mean, deviation], **args)
    if context.uses_output(1):
        context.reshape(mean, context.output_shape(1), context.output(1))
    if context.uses_output(2):
        inverse = context.then("Reciprocal", [deviation])
        context.reshape(inverse, context.output_shape(2), context.output(2))
    scaled = context.then("Mul", [blob, context.operand(1)])
    if context.has_input(2):
        context.add("Add", [scaled, context.operand(2)])
    else:
        context.add("Copy", [scaled])


@converts("GroupNormalization", since=18, to="GroupNorm", limits="constant scale and bias before opset 21")
def group_normalization(context: NodeContext) -> None:
    """Scale and bias are one per group before opset 21, one per channel since; Caffe2's are one per channel."""
    shape = context.shape()
    groups = int(context.attribute("num_groups"))
    parameters = []
    for index, name in ((1, "scale"), (2, "bias")):
        if context.shape(index) == (shape[1],):
            parameters.append(context.blob(index))
        else:
            array = context.need_constant(index, name)
            parameters.append(context.weight(np.repeat(array, shape[1] // groups), name))
    args: Args = {"group": groups, "epsilon": float(context.attribute("epsilon", 1e-5)), "order": "NCHW", "is_test": 1}
    if len(shape) == 4:
        context.add("GroupNorm", [context.blob(), *parameters], **args)
        return
    square = context.reshape(context.blob(), [*shape[:2], prod(shape[2:]), 1])
    context.reshape(context.then("GroupNorm", [square, *parameters], **args), shape, context.output())


@converts("LRN", to="LRN", limits="four dimensions; odd size, because onnxruntime stops at others")
def lrn(context: NodeContext) -> None:
    """Across channels. Both put the longer half of an even window behind the channel."""
    context.require_rank(4)
    context.add(
        "LRN",
        [context.blob()],
        size=int(context.attribute("size")),
        alpha=float(context.attribute("alpha", 1e-4)),
        beta=float(context.attribute("beta", 0.75)),
        bias=float(context.attribute("bias", 1.0)),
        order="NCHW",
    )


@converts("LpNormalization", to="ReduceL1 or ReduceL2, Clip, Div")
def lp_normalization(context: NodeContext) -> None:
    """Vectors along one axis to length 1; a vector of zeros stays what it is."""
    kind = {1: "ReduceL1", 2: "ReduceL2"}[int(context.attribute("p", 2))]
    length = context.then(kind, [context.blob()], axes=[context.axis(-1)], keepdims=1)
    context.add("Div", [context.blob(), context.then("Clip", [length], min=_SMALLEST)])
