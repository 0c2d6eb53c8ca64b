# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Turn an image towards the channels whose weights are not reached: a few steps of gradient ascent on its pixels.

A weight between two channels is reached when both are at work in the same place. So every channel counts by how many
unreached weights it has on either side, and the image raises them all, each up to one deviation of its layer: before
the rectifier, where a channel at rest has a gradient too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from mdeploy.conversion.coverage.reach import GraphReach
from mdeploy.formats.manifest import InputSpec
from mdeploy.inputs.variable import FreeInputs
from mdeploy.tensors import Array

__all__ = ["STEPS", "ascend"]

Tensor = torch.Tensor

STEPS = 10
_KEPT = 0.7  # of the channels, drawn anew for each image, so that others come together


def ascend(reach: GraphReach, specs: Sequence[InputSpec], start: Sequence[Array], seed: int) -> list[Array]:
    """Return inputs near ``start`` (by position) in which channels with unreached weights are at work."""
    generator = torch.Generator().manual_seed(seed)
    wanted = {
        key: weight * (torch.rand(weight.shape, generator=generator) < _KEPT) for key, weight in _wanted(reach).items()
    }
    free = FreeInputs(specs, start)
    if not free.can_move or not wanted:
        return list(start)
    scales: dict[tuple[str, int], Tensor] = {}
    for _ in range(STEPS):
        values = reach.graph.values(*free.tensors())
        total = torch.zeros(())
        for (name, axis), weight in wanted.items():
            strength = _strength(values[name], axis)
            if strength is None or strength.shape[-1] != weight.shape[0] or not strength.requires_grad:
                continue
            scale = scales.setdefault((name, axis), values[name].detach().std() + 1e-6)
            total = total + (weight * (strength / scale).clamp(max=1.0)).sum()
        if not total.requires_grad:
            break
        free.climb(total)
    return free.arrays()


def _wanted(reach: GraphReach) -> dict[tuple[str, int], Tensor]:
    """By tensor and the axis of its channels, how many unreached weights each channel has."""
    makers = {made: (node, read) for node, read, results in reach.graph.nodes for made in results}
    wanted: dict[tuple[str, int], Tensor] = {}

    def add(name: str, axis: int, weight: Tensor) -> None:
        while name in makers and makers[name][0].op_type in ("Relu", "Clip"):
            name = makers[name][1][0]
        if name in makers:
            before = wanted.get((name, axis))
            if before is None or before.shape == weight.shape:
                wanted[name, axis] = weight if before is None else before + weight

    for node, read, results in reach.graph.nodes:
        counts = _unreached(reach, node, read)
        if counts is not None:
            axis = -1 if node.op_type == "MatMul" else 1
            add(results[0], axis, counts[0])
            add(read[0], axis, counts[1])
    return {key: weight for key, weight in wanted.items() if bool(weight.any())}


def _unreached(reach: GraphReach, node: Any, read: Sequence[str]) -> tuple[Tensor, Tensor] | None:
    """By output channel and by input channel: the share of unreached weights, more for layers that have more."""
    if node.op_type not in ("Conv", "Gemm", "MatMul") or len(read) < 2 or read[1] not in reach.reached:
        return None
    missing = (~reach.reached[read[1]]).float()
    if node.op_type == "Conv":
        by_pair = missing.flatten(2).mean(2)  # out, in of the group
    elif missing.ndim == 2:
        by_pair = missing if node.op_type == "Gemm" and node.get("transB", 0) else missing.t()
    else:
        return None
    groups = int(node.get("group", 1)) if node.op_type == "Conv" else 1
    size = by_pair.numel() ** 0.5
    return by_pair.mean(1) * size, by_pair.reshape(groups, -1, by_pair.shape[1]).mean(1).reshape(-1) * size


def _strength(values: Tensor, axis: int) -> Tensor | None:
    """By channel: the mean of the strongest eighth of its places."""
    if values.ndim < 2:
        return None
    places = values.movedim(axis, -1).flatten(0, -2)
    return places.topk(max(1, places.shape[0] // 8), dim=0).values.mean(0)
