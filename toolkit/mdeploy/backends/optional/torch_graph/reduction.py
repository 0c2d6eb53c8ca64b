# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reductions and what is made of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from mdeploy.backends.optional.torch_graph.registry import OPERATORS, Node, operator

Tensor = torch.Tensor

_REDUCTIONS: dict[str, Callable[[Tensor, list[int], bool], Tensor]] = {
    "ReduceL1": lambda x, axes, keep: torch.sum(torch.abs(x), axes, keep),
    "ReduceL2": lambda x, axes, keep: torch.sqrt(torch.sum(x * x, axes, keep)),
    "ReduceLogSum": lambda x, axes, keep: torch.log(torch.sum(x, axes, keep)),
    "ReduceLogSumExp": lambda x, axes, keep: torch.logsumexp(x, axes, keep),
    "ReduceMax": lambda x, axes, keep: torch.amax(x, axes, keep),
    "ReduceMean": lambda x, axes, keep: torch.mean(x, axes, keep),
    "ReduceMin": lambda x, axes, keep: torch.amin(x, axes, keep),
    "ReduceSum": lambda x, axes, keep: torch.sum(x, axes, keep),
    "ReduceSumSquare": lambda x, axes, keep: torch.sum(x * x, axes, keep),
}


def _reduction(function: Callable[[Tensor, list[int], bool], Tensor]) -> Callable[..., Tensor]:
    def reduce(node: Node, x: Tensor, *_axes: Tensor) -> Tensor:
        axes = node.ints(1, "axes")
        if not axes:
            if node.get("noop_with_empty_axes", 0):
                return x
            axes = list(range(x.ndim))
        return function(x, [axis % x.ndim for axis in axes], bool(node.get("keepdims", 1)))

    return reduce


OPERATORS.update({name: _reduction(function) for name, function in _REDUCTIONS.items()})


@operator("ArgMax", "ArgMin")
def arg(node: Node, x: Tensor) -> Tensor:
    if node.get("select_last_index", 0):
        raise node.refuse("select_last_index")
    function = torch.argmax if node.op_type == "ArgMax" else torch.argmin
    return function(x, dim=node.get("axis", 0), keepdim=bool(node.get("keepdims", 1)))


@operator("Softmax", "LogSoftmax")
def softmax(node: Node, x: Tensor) -> Tensor:
    function = F.softmax if node.op_type == "Softmax" else F.log_softmax
    if node.opset >= 13:
        return function(x, dim=node.get("axis", -1))
    axis = node.get("axis", 1) % x.ndim  # before opset 13 everything from the axis on is one
    if axis == x.ndim - 1:
        return function(x, dim=-1)
    return function(x.flatten(axis), dim=-1).reshape(x.shape)


@operator("GlobalAveragePool")
def global_average(_node: Node, x: Tensor) -> Tensor:
    if x.ndim == 4:
        return F.adaptive_avg_pool2d(x, 1)
    return torch.mean(x, list(range(2, x.ndim)), True)


@operator("GlobalMaxPool")
def global_max(_node: Node, x: Tensor) -> Tensor:
    return torch.amax(x, list(range(2, x.ndim)), True)


@operator("GlobalLpPool")
def global_lp(node: Node, x: Tensor) -> Tensor:
    p, axes = node.get("p", 2), list(range(2, x.ndim))
    return torch.pow(torch.sum(torch.pow(torch.abs(x), p), axes, True), 1 / p)
