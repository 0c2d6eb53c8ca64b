# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Training throughput by precision and memory layout, measured turn by turn so that a busy machine treats all alike."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from mdeploy_training.data import Images, Normalization
from mdeploy_training.run.engine import Engine
from mdeploy_training.run.parallel import World
from mdeploy_training.run.recipe import Precision, Recipe

__all__ = ["Throughput", "measure_throughput"]

_FORMS: tuple[tuple[Precision, bool], ...] = (("fp32", False), ("fp32", True), ("bf16", False), ("bf16", True))


@dataclass(frozen=True)
class Throughput:
    """One form of training. The first one measured is what the others are compared with."""

    precision: Precision
    channels_last: bool
    images_per_second: float
    """From the median time of the rounds."""
    samples: tuple[float, ...]
    """Seconds of each round of ``steps`` steps."""
    over_plain: float
    """Times the images per second of plain float32."""


def measure_throughput(
    make_model: Callable[[], torch.nn.Module],
    size: int,
    classes: int,
    recipe: Recipe,
    world: World,
    *,
    steps: int,
    rounds: int,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Throughput]:
    """Train on random images in each form in turn, ``rounds`` times after one round to warm up."""
    generator = torch.Generator().manual_seed(0)
    count = recipe.batch * steps
    pixels = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, classes, (count,), generator=generator)
    images = Images(pixels, labels, tuple(map(str, range(classes))))
    normalization = Normalization((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    engines = [
        Engine(
            make_model(),
            dataclasses.replace(recipe, precision=precision, channels_last=channels_last, epochs=rounds + 1),
            normalization,
            world,
        )
        for precision, channels_last in _FORMS
    ]
    seconds: list[list[float]] = [[] for _ in engines]
    for turn in range(rounds + 1):
        for engine, samples in zip(engines, seconds, strict=True):
            start = time.perf_counter()
            engine.train_epoch(images, advance)
            if turn:
                samples.append(time.perf_counter() - start)
    rates = [count / statistics.median(samples) for samples in seconds]
    return [
        Throughput(precision, channels_last, rate, tuple(samples), rate / rates[0])
        for (precision, channels_last), rate, samples in zip(_FORMS, rates, seconds, strict=True)
    ]
