# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Batches for training and testing. A training batch is a pure function of seed, epoch and step.

Nothing here keeps state, so a run that is resumed in mid-epoch, or spread over processes, sees the same batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from mdeploy_training.data.augmentation import augment, draw
from mdeploy_training.data.source import Source
from mdeploy_training.run.recipe import Recipe

__all__ = ["Batch", "evaluation_batches", "steps_per_epoch", "training_batches"]

T = TypeVar("T")

_AHEAD = 2


@dataclass(frozen=True)
class Batch:
    """A share of one training batch."""

    step: int
    pixels: Tensor
    """(n, 3, H, W) uint8."""
    labels: Tensor
    """(n,) int64."""
    other_labels: Tensor
    """(n,) of the images mixed in; the same as ``labels`` where nothing is."""
    weight: float
    """Share of ``labels`` in the target; ``other_labels`` have the rest."""


def steps_per_epoch(source: Source, recipe: Recipe) -> int:
    """Full batches in the data; images that do not fill one are left out of this epoch."""
    return len(source) // recipe.batch


def training_batches(
    source: Source, recipe: Recipe, epoch: int, *, first_step: int = 0, parts: int = 1, part: int = 0
) -> Iterator[Batch]:
    """Yield the batches of one epoch (from 0) from ``first_step`` on.

    Args:
        parts, part: yield only this part of each batch cut into so many equal ones. Images come out the same
            whichever part they fall into.
    """
    order = torch.randperm(len(source), generator=_generator(recipe.seed, epoch, -1))
    share = recipe.batch // parts

    def make(step: int) -> Batch:
        chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
        draws = draw(recipe, source.size, _generator(recipe.seed, epoch, step))
        positions = torch.arange(part * share, (part + 1) * share)
        labels = source.labels[chosen]
        pixels, others, weight = augment(source, chosen, positions, draws, recipe)
        return Batch(step, pixels, labels[positions], labels[others], weight)

    return _ahead(make, range(first_step, steps_per_epoch(source, recipe)))


def evaluation_batches(source: Source, batch: int, *, parts: int = 1, part: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (pixels, labels) of every image once; with ``parts``, of every parts-th image from ``part`` on."""

    def make(start: int) -> tuple[Tensor, Tensor]:
        indices = torch.arange(len(source))[part::parts][start : start + batch]
        return source.fetch(indices), source.labels[indices]

    return _ahead(make, range(0, len(range(part, len(source), parts)), batch))


def _ahead(make: Callable[[int], T], items: range) -> Iterator[T]:
    """Make items in order in a second thread, a few ahead of the reader."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(make, item))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _generator(seed: int, epoch: int, step: int) -> torch.Generator:
    # torch mixes the bits of the seed itself; the three numbers must only not collide.
    return torch.Generator().manual_seed((seed * 1_000_003 + epoch) * 1_000_003 + step + 1)
