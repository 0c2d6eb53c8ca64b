# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Activations: one to one where Caffe2 has them, composed where it does not."""

from __future__ import annotations

from mdeploy.caffe2.node import NodeContext
from mdeploy.caffe2.registry import converts

__all__: list[str] = []

_SAME = {"Relu": "Relu", "Sigmoid": "Sigmoid", "Tanh": "Tanh", "Softplus": "Softplus", "Softsign": "Softsign"}


@converts(*_SAME, to="the operator of the same name")
def same_name(context: NodeContext) -> None:
    """The definitions agree."""
    context.add(_SAME[context.node.op_type], [context.blob()])


@converts("Identity", "Dropout", to="Copy", limits="Dropout in inference form, without its mask output")
def identity(context: NodeContext) -> None:
    """Dropout of a trained net passes its input on."""
    context.require(not context.uses_output(1), "the dropout mask is read", "export the model in eval mode")
    context.add("Copy", [context.blob()])


@converts(
    "Softmax",
    to="Softmax on the last axis",
    limits="an axis that is not the last is moved there by the pass softmax-last-axis",
)
def softmax(context: NodeContext) -> None:
    """Caffe2 normalises over everything from ``axis`` on, which is ONNX's rule before opset 13."""
    rank = len(context.shape())
    if context.opset < 13:
        context.add("Softmax", [context.blob()], axis=context.axis(1))
        return
    axis = context.axis(-1)
    context.require(
        axis == rank - 1,
        f"axis {axis} of {rank}: Caffe2 normalises over all axes from there on",
        "do not skip the pass softmax-last-axis",
    )
    context.add("Softmax", [context.blob()], axis=axis)
