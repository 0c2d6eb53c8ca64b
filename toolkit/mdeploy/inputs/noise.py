# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Inputs from nothing but a seed: noise with the statistics of photographs, and scenes of discs before one another.

Photographs have a spectrum that falls with the frequency, most of it in the brightness, and edges: the first comes in
several steepnesses, the second from discs of all sizes in plain colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mdeploy.formats.manifest import InputSpec
from mdeploy.inputs.pixels import PixelRange, from_pixels, plane_shape
from mdeploy.tensors import Array, Doubles

__all__ = ["RECIPES", "Recipe", "make_input"]

_CHROMA = 0.3  # of the brightness's deviation
_DISCS = 60


@dataclass(frozen=True)
class Recipe:
    """A name for people, and planes of deviation 1 around 0, (height, width, channels); ``spread`` is for inputs that
    are no images."""

    made: str
    draw: Callable[[np.random.Generator, int, int, int], Doubles]
    contrast: float
    spread: float


def _falling(steepness: float) -> Callable[[np.random.Generator, int, int, int], Doubles]:
    def draw(generator: np.random.Generator, height: int, width: int, channels: int) -> Doubles:
        rows, columns = np.fft.fftfreq(height) * height, np.fft.fftfreq(width) * width
        frequency = np.hypot(rows[:, None], columns[None])
        frequency[0, 0] = np.inf

        def plane() -> Doubles:
            field: Doubles = np.real(np.fft.ifft2(np.fft.fft2(generator.standard_normal((height, width)))
                                                  / frequency**steepness))  # fmt: skip
            return field / max(float(field.std()), 1e-9)

        brightness = plane()
        image = np.stack([(1 - _CHROMA) * brightness + _CHROMA * plane() for _ in range(channels)], axis=-1)
        scaled: Doubles = image / max(float(image.std()), 1e-9)
        return scaled

    return draw


def _discs(generator: np.random.Generator, height: int, width: int, channels: int) -> Doubles:
    image: Doubles = np.tile(generator.uniform(-1, 1, channels), (height, width, 1))
    rows, columns = np.mgrid[:height, :width]
    side = min(height, width)
    for _ in range(_DISCS):
        radius = side * np.exp(generator.uniform(np.log(0.05), np.log(0.5)))
        row, column = generator.uniform(size=2) * (height, width)
        image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = generator.uniform(-1, 1, channels)
    return image / 0.577  # the deviation of a uniform colour


RECIPES = (
    Recipe("noise, spectrum 1/f^1.5", _falling(1.5), 1.0, 1.0),
    Recipe("discs of all sizes", _discs, 0.8, 3.0),
    Recipe("noise, spectrum 1/f", _falling(1.0), 1.5, 0.1),
    Recipe("noise, spectrum 1/f^2, low contrast", _falling(2.0), 0.4, 10.0),
)


def make_input(spec: InputSpec, recipe: Recipe, seed: int) -> Array:
    """One input by a recipe. Integers that are no image are 0 or 1, other floats normal noise of its ``spread``."""
    generator = np.random.default_rng(seed)
    if spec.layout is None:
        if spec.dtype == "float32":
            made: Array = (recipe.spread * generator.standard_normal(spec.shape)).astype(np.float32)
            return made
        high = 256 if spec.dtype == "uint8" else 2
        return generator.integers(0, high, spec.shape).astype(spec.dtype)
    batch, height, width, channels = plane_shape(spec)
    planes = np.stack([recipe.draw(generator, height, width, channels) for _ in range(batch)])
    if spec.layout == "NCHW":
        planes = planes.transpose(0, 3, 1, 2)
    images = PixelRange.of(spec) or PixelRange(np.full((1, 1, 1, 1), 0.45), np.full((1, 1, 1, 1), 0.25))
    level, contrast = images.natural()
    return from_pixels(np.clip(np.rint(255 * (level + recipe.contrast * contrast * planes)), 0, 255), spec)
