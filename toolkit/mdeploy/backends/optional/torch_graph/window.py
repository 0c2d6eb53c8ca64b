# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Convolutions and pooling."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional as F

from mdeploy.backends.optional.torch_graph.registry import Node, operator

Tensor = torch.Tensor

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE_POOL: dict[int, Any] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def _pads(node: Node, sizes: list[int], kernel: list[int], strides: list[int], dilations: list[int]) -> list[int]:
    """Begin and end of every dimension, in ONNX's order."""
    auto = node.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        return list(node.get("pads", [0] * 2 * len(sizes)))
    if auto == "VALID":
        return [0] * 2 * len(sizes)
    totals = [
        max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
        for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return small + large if auto == "SAME_UPPER" else large + small


def _flat(pads: list[int]) -> list[int]:
    """ONNX's order as that of ``F.pad``: the last dimension first."""
    rank = len(pads) // 2
    return [size for i in reversed(range(rank)) for size in (pads[i], pads[i + rank])]


def _symmetric(pads: list[int]) -> bool:
    return pads[: len(pads) // 2] == pads[len(pads) // 2 :]


@operator("Conv")
def conv(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    rank = x.ndim - 2
    strides, dilations = list(node.get("strides", [1] * rank)), list(node.get("dilations", [1] * rank))
    pads = _pads(node, list(x.shape[2:]), list(weight.shape[2:]), strides, dilations)
    padding = pads[:rank]
    if not _symmetric(pads):
        x, padding = F.pad(x, _flat(pads)), [0] * rank
    return _CONV[rank](x, weight, bias, strides, padding, dilations, node.get("group", 1))


@operator("ConvTranspose")
def conv_transpose(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    rank = x.ndim - 2
    kernel = list(weight.shape[2:])
    strides, dilations = list(node.get("strides", [1] * rank)), list(node.get("dilations", [1] * rank))
    extra = list(node.get("output_padding", [0] * rank))
    full = [
        (n - 1) * s + (k - 1) * d + 1 + e
        for n, s, k, d, e in zip(x.shape[2:], strides, kernel, dilations, extra, strict=True)
    ]
    pads = list(node.get("pads", [0] * 2 * rank))
    wanted, auto = node.get("output_shape"), node.get("auto_pad", "NOTSET")
    if wanted is None and auto.startswith("SAME"):
        wanted = [n * s for n, s in zip(x.shape[2:], strides, strict=True)]
    if wanted is not None:
        extra = [e + max(w - f, 0) for e, f, w in zip(extra, full, list(wanted)[-rank:], strict=True)]
        totals = [max(f - w, 0) for f, w in zip(full, list(wanted)[-rank:], strict=True)]
        small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
        pads = large + small if auto == "SAME_LOWER" else small + large
    group = node.get("group", 1)
    function = _CONV_TRANSPOSE[rank]
    if _symmetric(pads):
        return function(x, weight, bias, strides, pads[:rank], extra, group, dilations)
    whole = function(x, weight, bias, strides, [0] * rank, extra, group, dilations)
    inside = [slice(pads[i], full[i] - pads[i + rank]) for i in range(rank)]
    return whole[tuple([slice(None)] * 2 + inside)]


def _pool(node: Node, x: Tensor) -> tuple[list[int], list[int], list[int], list[int], bool]:
    rank = x.ndim - 2
    kernel = list(node.get("kernel_shape"))
    strides, dilations = list(node.get("strides", [1] * rank)), list(node.get("dilations", [1] * rank))
    ceil = bool(node.get("ceil_mode", 0)) and node.get("auto_pad", "NOTSET") == "NOTSET"
    return kernel, strides, dilations, _pads(node, list(x.shape[2:]), kernel, strides, dilations), ceil


@operator("MaxPool")
def max_pool(node: Node, x: Tensor) -> Tensor:
    if node.used > 1:
        raise node.refuse("its indices are used")
    kernel, strides, dilations, pads, ceil = _pool(node, x)
    rank = len(kernel)
    padding = pads[:rank]
    if not _symmetric(pads) or any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        if ceil:
            raise node.refuse("ceil_mode with pads that differ from side to side")
        x, padding = F.pad(x, _flat(pads), value=float("-inf")), [0] * rank
    pooled: Tensor = _MAX_POOL[rank](x, kernel, strides, padding, dilations, ceil)
    return pooled


@operator("AveragePool")
def average_pool(node: Node, x: Tensor) -> Tensor:
    kernel, strides, dilations, pads, ceil = _pool(node, x)
    if any(d != 1 for d in dilations):
        raise node.refuse("dilations")
    rank, function = len(kernel), _AVERAGE_POOL[len(kernel)]
    counted = bool(node.get("count_include_pad", 0))
    if _symmetric(pads) and all(2 * p <= k for p, k in zip(pads[:rank], kernel, strict=True)):
        return function(x, kernel, strides, pads[:rank], ceil, counted)  # type: ignore[no-any-return]
    if ceil:
        raise node.refuse("ceil_mode with pads that differ from side to side")
    total = function(F.pad(x, _flat(pads)), kernel, strides)
    if counted:
        return total  # type: ignore[no-any-return]
    share = function(F.pad(torch.ones_like(x[:1, :1]), _flat(pads)), kernel, strides)
    return total / share  # type: ignore[no-any-return]


@operator("LpPool")
def lp_pool(node: Node, x: Tensor) -> Tensor:
    kernel, strides, dilations, pads, ceil = _pool(node, x)
    if ceil or any(d != 1 for d in dilations):
        raise node.refuse("ceil_mode or dilations")
    p = node.get("p", 2)
    powers = F.pad(torch.pow(torch.abs(x), p), _flat(pads))
    mean = _AVERAGE_POOL[len(kernel)](powers, kernel, strides)
    return torch.pow(mean * math.prod(kernel), 1 / p)
