# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The inputs that a model is judged by: zeros, ones, random pixels in the model's range, and images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdeploy.errors import UsageError
from mdeploy.formats.manifest import GoldenEntry, InputSpec
from mdeploy.inputs.pixels import from_pixels
from mdeploy.native.images import find_images, image_input
from mdeploy.tensors import Array

__all__ = ["RANDOM_SEED", "GoldenInputs", "image_inputs", "new_name", "standard_inputs"]

RANDOM_SEED = 0


@dataclass(frozen=True)
class GoldenInputs:
    """One case before anything answered it."""

    entry: GoldenEntry
    inputs: tuple[Array, ...]


def standard_inputs(specs: Sequence[InputSpec], seed: int = RANDOM_SEED) -> list[GoldenInputs]:
    """Return the cases zeros, ones and random for inputs of these shapes."""
    generator = np.random.default_rng(seed)
    return [
        GoldenInputs(GoldenEntry("zeros", "zeros"), tuple(spec.zeros() for spec in specs)),
        GoldenInputs(GoldenEntry("ones", "ones"), tuple(np.ones(spec.shape, spec.dtype) for spec in specs)),
        GoldenInputs(GoldenEntry("random", "random", seed=seed), tuple(_random(spec, generator) for spec in specs)),
    ]


def image_inputs(specs: Sequence[InputSpec], place: Path) -> list[GoldenInputs]:
    """Return a case for every image of a folder, in name order, prepared as the phone prepares it.

    Raises ``InputError`` for a folder without images or a damaged one, ``UsageError`` where the model's only
    input is not one image.
    """
    if len(specs) != 1 or specs[0].layout is None or specs[0].shape[0] != 1:
        raise UsageError("--golden-images needs a model whose only input is one image")
    cases: list[GoldenInputs] = []
    taken = {"zeros", "ones", "random"}
    for path in find_images([place]):
        name = new_name(re.sub(r"[^A-Za-z0-9._-]+", "_", path.stem).strip("._-")[:80] or "picture", taken)
        cases.append(GoldenInputs(GoldenEntry(name, "picture", image=path.name), (image_input(path, specs[0]),)))
    return cases


def new_name(name: str, taken: set[str]) -> str:
    """The name of a case, lengthened where there is one of that name; it is taken from now on."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _random(spec: InputSpec, generator: np.random.Generator) -> Array:
    """Images: random bytes through the model's own mean and std. Other floats: standard normal."""
    if spec.dtype == "uint8":
        return generator.integers(0, 256, spec.shape, dtype=np.uint8)
    if spec.dtype != "float32":
        return generator.integers(0, 2, spec.shape).astype(spec.dtype)
    if spec.layout is None:
        return generator.standard_normal(spec.shape, dtype=np.float32)
    return from_pixels(generator.integers(0, 256, spec.shape), spec)
