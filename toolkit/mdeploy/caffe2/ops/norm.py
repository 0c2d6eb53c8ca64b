# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Normalisation."""

from __future__ import annotations

from mdeploy.caffe2.net import Args
from mdeploy.caffe2.node import NodeContext
from mdeploy.caffe2.registry import converts

__all__: list[str] = []


@converts(
    "BatchNormalization",
    since=7,
    to="SpatialBN with is_test=1",
    limits="inference form only, on 2 to 4 dimensions",
)
def batch_normalization(context: NodeContext) -> None:
    """Scale, bias, mean and variance of the training stay as they are; the runtime folds them."""
    context.require(
        not any(context.uses_output(index) for index in range(1, 5)) and not context.attribute("training_mode", 0),
        "batch statistics are computed (training mode)",
        "export the model in eval mode",
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
    context.require(2 <= len(shape) <= 4, f"input of shape {list(shape)}", "use BatchNorm1d or BatchNorm2d")
    square = context.reshape(context.blob(), [*shape, *(1,) * (4 - len(shape))])
    result = context.then("SpatialBN", [square, *parameters], **args)
    context.reshape(result, shape, context.output())
