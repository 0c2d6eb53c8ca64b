# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Single weights drawn at random, and when a changed one is noticed: the same for graphs and for net pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mdeploy.tensors import Array, element_scale

__all__ = ["TOLERANCE", "differ", "draw_weights"]

TOLERANCE = 1e-5
"""That of ``mdeploy parity`` where nothing else is said."""


def draw_weights(sizes: Mapping[str, int], count: int, seed: int) -> list[tuple[str, int, int]]:
    """``count`` entries of tensors of these sizes, any with the same chance: tensor, index in it, and a sign."""
    if not sizes:
        return []
    names, ends = list(sizes), np.cumsum(list(sizes.values()))
    generator = np.random.default_rng(seed)
    drawn = []
    for place in generator.integers(0, ends[-1], count):
        which = int(np.searchsorted(ends, place, side="right"))
        start = int(ends[which - 1]) if which else 0
        drawn.append((names[which], int(place) - start, 1 if generator.integers(2) else -1))
    return drawn


def differ(
    expected: Sequence[Array], actual: Sequence[Array], meanings: Sequence[str], tolerance: float = TOLERANCE
) -> bool:
    """Whether some output moved by more than the tolerance."""
    for left, right, meaning in zip(expected, actual, meanings, strict=True):
        a, b = left.astype(np.float64), right.astype(np.float64)
        scale = 1.0 if meaning == "probabilities" else element_scale(a)
        if not (np.abs(a - b) <= tolerance * scale).all():
            return True
    return False
