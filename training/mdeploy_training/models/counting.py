# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters and multiply-accumulates of a model, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Part", "count_parts"]


@dataclass(frozen=True)
class Part:
    """A top-level module of a model."""

    name: str
    blocks: int
    """Direct children that are blocks; 0 where it has none."""
    shape: tuple[int, ...]
    """Of its output, without the batch."""
    parameters: int
    macs: int
    """Of convolutions and linear layers, for one image."""


def count_parts(model: nn.Module, shape: Sequence[int]) -> list[Part]:
    """Return the top-level modules that have parameters, in the order in which they run.

    Args:
        shape: of the input, [1, C, H, W]. The model runs once on zeros, in eval mode.
    """
    macs: dict[str, int] = {}
    shapes: dict[str, tuple[int, ...]] = {}

    def count(name: str) -> Any:
        def hook(module: nn.Module, _inputs: Any, output: Tensor) -> None:
            assert isinstance(module, (nn.Conv2d, nn.Linear))
            macs[name] = macs.get(name, 0) + output.numel() * module.weight[0].numel()

        return hook

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            shapes[name] = tuple(output.shape[1:])

        return hook

    handles = []
    for name, part in model.named_children():
        handles.append(part.register_forward_hook(note(name)))
        handles += [
            module.register_forward_hook(count(name))
            for module in part.modules()
            if isinstance(module, (nn.Conv2d, nn.Linear))
        ]
    mode = model.training
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(tuple(shape)))
    finally:
        model.train(mode)
        for handle in handles:
            handle.remove()
    children = dict(model.named_children())
    return [
        Part(
            name=name,
            blocks=sum(hasattr(block, "conv2") for block in children[name].children()),
            shape=size,
            parameters=sum(parameter.numel() for parameter in children[name].parameters()),
            macs=macs.get(name, 0),
        )
        for name, size in shapes.items()
        if any(True for _ in children[name].parameters())
    ]
