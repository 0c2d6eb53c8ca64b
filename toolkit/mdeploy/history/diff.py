# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Is one run faster than another? A test on the raw samples, not on two medians.

Latencies of one run are not independent: a slow spell of the machine lasts many runs. The confidence interval of the
ratio of medians therefore comes from a bootstrap over blocks of consecutive samples. Other load stretches the upper
part of a distribution and leaves the fast runs alone, a slower build moves all of it: so the lower quartile has to move
too, and by more than builds of the same source do from run to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mdeploy.errors import InputError

__all__ = ["NOISE_FLOOR", "Difference", "compare_samples"]

NOISE_FLOOR = 0.02
"""Two runs of one build differ by as much, from memory layout and clocks."""

_RESAMPLES = 2000
_CONFIDENCE = 0.99
_MINIMUM = 5

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """B against A. Ratios are B / A: above 1 is slower."""

    verdict: str
    """faster, slower or no difference."""
    ratio: float
    """Of the medians."""
    low: float
    high: float
    quartile_ratio: float
    """Of the lower quartiles."""
    p50_a_ms: float
    p50_b_ms: float
    n_a: int
    n_b: int

    @property
    def change(self) -> float:
        """Share by which B is slower (positive) or faster (negative)."""
        return self.ratio - 1.0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"schema": "mdeploy-diff/1", "confidence": _CONFIDENCE, **asdict(self)}


def compare_samples(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Compare two runs' latencies in ms, each in the order of measurement.

    Raises ``InputError`` for fewer than five samples. The same samples always give the same answer.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    for samples in (first, second):
        if samples.size < _MINIMUM or not np.isfinite(samples).all() or (samples <= 0).any():
            raise InputError(f"a comparison needs at least {_MINIMUM} latencies of each run, all positive")
    generator = np.random.default_rng(0)
    resampled = [_bootstrap(samples, generator) for samples in (first, second)]
    tail = (1 - _CONFIDENCE) / 2
    bounds = [np.quantile(resampled[1][q] / resampled[0][q], (tail, 1 - tail)) for q in (0, 1)]
    slower = all(low > 1 + NOISE_FLOOR for low, _ in bounds)
    faster = all(high < 1 - NOISE_FLOOR for _, high in bounds)
    medians = float(np.median(first)), float(np.median(second))
    quartiles = float(np.quantile(first, 0.25)), float(np.quantile(second, 0.25))
    return Difference(
        "slower" if slower else "faster" if faster else "no difference",
        medians[1] / medians[0],
        float(bounds[0][0]),
        float(bounds[0][1]),
        quartiles[1] / quartiles[0],
        *medians,
        first.size,
        second.size,
    )


def _bootstrap(samples: Doubles, generator: np.random.Generator) -> tuple[Doubles, Doubles]:
    """Medians and lower quartiles of resamples made of blocks of consecutive samples, the end joined to the start."""
    count = samples.size
    block = max(1, round(count**0.5))
    blocks = -(-count // block)
    starts = generator.integers(0, count, (_RESAMPLES, blocks, 1))
    places = (starts + np.arange(block)) % count
    drawn = samples[places.reshape(_RESAMPLES, -1)[:, :count]]
    median, quartile = np.quantile(drawn, (0.5, 0.25), axis=1)
    return median, quartile
