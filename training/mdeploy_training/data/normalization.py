# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Mean and standard deviation per channel: measured on the training images, and written into the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from mdeploy_training.data.source import Source

__all__ = ["Normalization"]

_BATCH = 1000
_SAMPLE = 20_000  # images of a data set too large for memory; its third digit hardly moves after these


@dataclass(frozen=True)
class Normalization:
    """x = (pixel / 255 - mean) / std per channel, the rule of the manifest's input."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def measured(cls, source: Source) -> Normalization:
        """Mean and standard deviation of every channel over all pixels, to 4 digits, on the scale 0..1."""
        indices = torch.arange(len(source))
        if not source.in_memory and len(source) > _SAMPLE:
            indices = torch.randperm(len(source), generator=torch.Generator().manual_seed(0))[:_SAMPLE]
        # Histograms give exact sums without a float copy of the data.
        counts = torch.zeros(3, 256, dtype=torch.float64)
        for chosen in torch.chunk(indices, -(-len(indices) // _BATCH)):
            pixels = source.fetch(chosen)
            for channel in range(3):
                counts[channel] += torch.bincount(pixels[:, channel].flatten(), minlength=256)
        share = counts / counts.sum(1, keepdim=True)
        values = torch.arange(256, dtype=torch.float64) / 255
        mean = (share * values).sum(1)
        std = (share * (values - mean[:, None]) ** 2).sum(1).sqrt()
        # A channel without contrast has nothing to scale.
        return cls(tuple(round(v, 4) for v in mean.tolist()), tuple(round(v, 4) or 1.0 for v in std.tolist()))

    def __call__(self, pixels: Tensor) -> Tensor:
        """(N, C, H, W) uint8 -> float32 of the same shape."""
        mean, std = _per_channel(self.mean, pixels.device), _per_channel(self.std, pixels.device)
        return (pixels.float() / 255 - mean) / std


@cache
def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    # Kept: a copy to the device in each step would make the step wait, and cannot be recorded in a CUDA graph.
    return torch.tensor(values, device=device).view(1, -1, 1, 1)
