# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Training throughput by precision and memory layout, measured turn by turn so that a busy machine treats all alike."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from mdeploy_training.data import Images, Normalization
from mdeploy_training.models.counting import count_parts
from mdeploy_training.run.engine import Engine
from mdeploy_training.run.parallel import World
from mdeploy_training.run.recipe import Precision, Recipe

__all__ = ["Throughput", "measure_throughput", "peak_macs"]

_FORMS: tuple[tuple[Precision, bool, bool], ...] = (
    ("fp32", False, False),
    ("fp32", True, False),
    ("bf16", False, False),
    ("bf16", True, False),
)
_CUDA_FORMS = (*_FORMS, ("bf16", True, True))
_PASSES = 3  # forward, and backward to the inputs and to the weights: each as many multiply-adds
_PEAK_SIDE = {"cuda": 8192, "cpu": 1024}
_PEAK_TRIES = 10


@dataclass(frozen=True)
class Throughput:
    """One form of training. The first one measured is what the others are compared with."""

    precision: Precision
    channels_last: bool
    captured: bool
    """Replayed as a CUDA graph."""
    images_per_second: float
    """From the median time of the rounds."""
    samples: tuple[float, ...]
    """Seconds of each round of ``steps`` steps."""
    over_plain: float
    """Times the images per second of plain float32."""
    share_of_peak: float
    """Multiply-adds of the convolutions and linear layers, three passes, over those of the device's best large matrix
    product in the same precision, measured here."""


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
    """Train on random images in each form in turn, ``rounds`` times after one round to warm up.

    A GPU has one form more: the fastest of the others as a CUDA graph.
    """
    generator = torch.Generator().manual_seed(0)
    count = recipe.batch * steps
    pixels = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, classes, (count,), generator=generator)
    images = Images(pixels.to(world.device), labels, tuple(map(str, range(classes))))
    forms = _CUDA_FORMS if world.device.type == "cuda" else _FORMS
    macs = sum(part.macs for part in count_parts(make_model(), (1, 3, size, size)))
    normalization = Normalization((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    engines = [
        Engine(
            make_model(),
            dataclasses.replace(recipe, precision=precision, channels_last=channels_last, epochs=rounds + 1),
            normalization,
            world,
            captured=captured,
        )
        for precision, channels_last, captured in forms
    ]
    seconds: list[list[float]] = [[] for _ in engines]
    for turn in range(rounds + 1):
        for engine, samples in zip(engines, seconds, strict=True):
            start = time.perf_counter()
            engine.train_epoch(images, advance)
            if turn:
                samples.append(time.perf_counter() - start)
    rates = [count / statistics.median(samples) for samples in seconds]
    peaks = {precision: peak_macs(world.device, precision) for precision, _, _ in forms}
    return [
        Throughput(*form, rate, tuple(samples), rate / rates[0], share_of_peak=rate * macs * _PASSES / peaks[form[0]])
        for form, rate, samples in zip(forms, rates, seconds, strict=True)
    ]


def peak_macs(device: torch.device, precision: Precision) -> float:
    """Return multiply-adds a second of a large matrix product: the best of several.

    In float32 a GPU's convolutions may run in TF32 where PyTorch's matrix products do not: then the peak is TF32's.
    """
    side = _PEAK_SIDE.get(device.type, 1024)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best = math.inf
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        for _ in range(_PEAK_TRIES):
            _wait(device)
            start = time.perf_counter()
            a @ b
            _wait(device)
            best = min(best, time.perf_counter() - start)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    return side**3 / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
