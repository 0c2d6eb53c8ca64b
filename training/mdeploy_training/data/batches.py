# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Batches for training: order, augmentation and normalisation, each a pure function of seed, epoch and step.

Nothing here keeps state, so a run that is resumed in mid-epoch, or spread over processes, sees the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mdeploy_training.data.pictures import Pictures
from mdeploy_training.recipe import Recipe

__all__ = ["Normalization", "augment", "training_batches"]


@dataclass(frozen=True)
class Normalization:
    """x = (pixel / 255 - mean) / std per channel, the rule of the manifest's input."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def measured(cls, pictures: Pictures) -> Normalization:
        """Mean and standard deviation of every channel over all pixels, to 4 digits, on the scale 0..1."""
        # Histograms give exact sums without a float copy of the data.
        values = torch.arange(256, dtype=torch.float64) / 255
        mean, std = [], []
        for channel in range(pictures.pixels.shape[1]):
            counts = torch.bincount(pictures.pixels[:, channel].flatten(), minlength=256).double()
            share = counts / counts.sum()
            average = (share * values).sum()
            mean.append(round(average.item(), 4))
            std.append(round((share * (values - average) ** 2).sum().sqrt().item(), 4))
        # A channel without contrast has nothing to scale.
        return cls(tuple(mean), tuple(value or 1.0 for value in std))

    def __call__(self, pixels: Tensor) -> Tensor:
        """(N, C, H, W) uint8 -> float32 of the same shape."""
        mean = torch.tensor(self.mean, device=pixels.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(1, -1, 1, 1)
        return (pixels.float() / 255 - mean) / std


def training_batches(
    pictures: Pictures, recipe: Recipe, epoch: int, first_step: int = 0
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield (step, augmented pixels, labels) of one epoch from ``first_step`` on; a short last batch is left out."""
    order = torch.randperm(len(pictures), generator=_generator(recipe.seed, epoch, -1))
    for step in range(first_step, len(pictures) // recipe.batch):
        chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
        pixels = augment(pictures.pixels[chosen], recipe, _generator(recipe.seed, epoch, step))
        yield step, pixels, pictures.labels[chosen]


def augment(pixels: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Crop and flip each picture of a batch (N, C, H, W) on its own, as the recipe says."""
    count, _, height, width = pixels.shape
    padding = recipe.crop_padding
    rows = _reflected(torch.randint(-padding, padding + 1, (count, 1), generator=generator), height)
    columns = _reflected(torch.randint(-padding, padding + 1, (count, 1), generator=generator), width)
    if recipe.flip:
        flipped = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(flipped, columns.flip(1), columns)
    picture = torch.arange(count).view(count, 1, 1)
    # Channels last, so that one gather moves whole pixels.
    gathered = pixels.permute(0, 2, 3, 1)[picture, rows.unsqueeze(2), columns.unsqueeze(1)]
    return gathered.permute(0, 3, 1, 2)


def _reflected(offset: Tensor, size: int) -> Tensor:
    """Return source indices (N, size) of pictures shifted by ``offset`` (N, 1), mirrored at the borders."""
    index = (torch.arange(size) + offset).abs()
    last = size - 1
    return last - (last - index).abs()


def _generator(seed: int, epoch: int, step: int) -> torch.Generator:
    # torch mixes the bits of the seed itself; the three numbers must only not collide.
    return torch.Generator().manual_seed((seed * 1_000_003 + epoch) * 1_000_003 + step + 1)
