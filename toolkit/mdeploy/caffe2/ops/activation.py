# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Activations: one to one where Caffe2 has them, composed where it does not."""

from __future__ import annotations

import numpy as np

from mdeploy.caffe2.node import NodeContext
from mdeploy.caffe2.registry import converts

__all__: list[str] = []


@converts("Relu", "Sigmoid", "Tanh", "Softsign", "Erf", to="the operator of the same name")
def same_name(context: NodeContext) -> None:
    """The definitions agree."""
    context.add(context.node.op_type, [context.blob()])


@converts("LeakyRelu", "Elu", "ThresholdedRelu", to="the operator of the same name")
def with_alpha(context: NodeContext) -> None:
    """One factor, whose default differs from operator to operator."""
    default = 0.01 if context.node.op_type == "LeakyRelu" else 1.0
    context.add(context.node.op_type, [context.blob()], alpha=float(context.attribute("alpha", default)))


@converts("Selu", to="Selu")
def selu(context: NodeContext) -> None:
    """ONNX's gamma is Caffe2's scale."""
    alpha = float(context.attribute("alpha", 1.67326319217681884765625))
    gamma = float(context.attribute("gamma", 1.05070102214813232421875))
    context.add("Selu", [context.blob()], alpha=alpha, scale=gamma)


@converts("Celu", since=12, to="Scale, Elu, Scale")
def celu(context: NodeContext) -> None:
    """alpha * Elu(x / alpha)."""
    alpha = float(context.attribute("alpha", 1.0))
    inner = context.then("Scale", [context.blob()], scale=1.0 / alpha)
    context.add("Scale", [context.then("Elu", [inner], alpha=1.0)], scale=alpha)


@converts("PRelu", since=7, to="PRelu; Relu, Negative, Mul, Sub for slopes that are not one per channel")
def prelu(context: NodeContext) -> None:
    """Caffe2 takes one slope, or one per channel."""
    shape, slope = context.shape(0), context.constant(1)
    if slope is not None and slope.size == 1:
        context.add("PRelu", [context.blob(), context.weight(slope.reshape(1), "slope")])
        return
    per_channel = len(shape) > 1 and (1,) * (len(shape) - 1 - slope.ndim) + slope.shape if slope is not None else None
    if slope is not None and per_channel == (shape[1], *(1,) * (len(shape) - 2)):
        context.add("PRelu", [context.blob(), context.weight(slope.reshape(-1), "slope")])
        return
    negative = context.then("Relu", [context.then("Negative", [context.blob()])])
    context.add("Sub", [context.then("Relu", [context.blob()]), context.then("Mul", [negative, context.operand(1)])])


@converts("Softplus", to="Relu(x) + Softplus(-|x|)")
def softplus(context: NodeContext) -> None:
    """Caffe2's Softplus is log(1 + exp(x)) as it stands, which is infinite from 89 on."""
    small = context.then("Softplus", [context.then("Negative", [context.then("Abs", [context.blob()])])])
    context.add("Add", [context.then("Relu", [context.blob()]), small])


@converts("HardSigmoid", since=6, to="HardSigmoid")
def hard_sigmoid(context: NodeContext) -> None:
    """PyTorch's has alpha = 1/6, which exporters write as the attribute."""
    alpha, beta = float(context.attribute("alpha", 0.2)), float(context.attribute("beta", 0.5))
    context.add("HardSigmoid", [context.blob()], alpha=alpha, beta=beta)


@converts("HardSwish", since=14, to="HardSigmoid, Mul")
def hard_swish(context: NodeContext) -> None:
    """x * HardSigmoid(x) with alpha = 1/6."""
    context.add("Mul", [context.blob(), context.then("HardSigmoid", [context.blob()], alpha=1.0 / 6.0, beta=0.5)])


@converts("Swish", since=24, to="Swish; Scale, Sigmoid, Mul with another alpha")
def swish(context: NodeContext) -> None:
    """x * Sigmoid(alpha * x)."""
    alpha = float(context.attribute("alpha", 1.0))
    if alpha == 1.0:
        context.add("Swish", [context.blob()])
        return
    gate = context.then("Sigmoid", [context.then("Scale", [context.blob()], scale=alpha)])
    context.add("Mul", [context.blob(), gate])


@converts("Mish", since=18, to="Softplus, Tanh, Mul")
def mish(context: NodeContext) -> None:
    """x * Tanh(Softplus(x)); that Caffe2's Softplus overflows does not matter, for Tanh is 1 long before."""
    context.add("Mul", [context.blob(), context.then("Tanh", [context.then("Softplus", [context.blob()])])])


@converts("Shrink", since=9, to="GT, LT, Where")
def shrink(context: NodeContext) -> None:
    """Beyond lambd, closer to zero by bias; zero between."""
    bound, bias = (np.float32(context.attribute(name, default)) for name, default in (("lambd", 0.5), ("bias", 0.0)))
    x, shape = context.blob(), context.shape()

    def beyond(kind: str, sign: int, otherwise: str) -> str:
        chosen = context.then(kind, [x, context.weight(np.full(1, sign * bound), "bound")])
        shifted = context.then("Sub", [x, context.weight(np.full(1, sign * bias), "bias")])
        return context.then("Where", [chosen, shifted, otherwise])

    zeros = context.weight(np.zeros(shape, np.float32), "zeros")
    context.finish(beyond("GT", 1, beyond("LT", -1, zeros)))


@converts("Gelu", since=20, to="Gelu")
def gelu(context: NodeContext) -> None:
    """Exact by the error function, or the tanh approximation."""
    context.add("Gelu", [context.blob()], fast_gelu=int(context.attribute("approximate", "none") == "tanh"))


@converts(
    "Clip", to="Clip; Max and Min where a bound is computed, or of integers", dtypes=("float32", "int32", "int64")
)
def clip(context: NodeContext) -> None:
    """Bounds are attributes before opset 11, inputs after; Caffe2's Clip takes constant ones only."""
    given = [index for index in (1, 2) if context.has_input(index)]
    if context.dtype() != "float32" or any(context.constant(index) is None for index in given):
        blob = context.blob()
        for index in given:  # the upper bound last: where they cross, it wins
            blob = context.extreme("Max" if index == 1 else "Min", blob, context.expanded(index))
        context.finish(blob)
        return
    bounds: dict[str, float] = {}
    for index, name in ((1, "min"), (2, "max")):
        if index in given:
            bounds[name] = float(context.need_constant(index, f"the bound {name}").reshape(()))
        elif context.attribute(name) is not None:
            bounds[name] = float(context.attribute(name))
    if "min" in bounds and "max" in bounds:  # ONNX: where they cross, the upper one wins
        bounds["min"] = min(bounds["min"], bounds["max"])
    context.add("Clip", [context.blob()], **bounds)


@converts(
    "Dropout",
    "Identity",
    to="Copy",
    limits="Dropout in inference form, without its mask output",
    dtypes=("float32", "int32", "int64", "uint8", "bool"),
)
def identity(context: NodeContext) -> None:
    """Dropout of a trained net passes its input on."""
    context.require(not context.uses_output(1), "the dropout mask is read", "export the model in eval mode")
    if context.node.op_type == "Dropout" and context.has_input(2):
        training = context.need_constant(2, "training_mode")
        context.require(not training.any(), "training_mode is on", "export the model in eval mode")
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
