# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Is one build faster than another? A test on the raw samples of one or several runs of each.

What is compared is first the tenth percentile: what a run takes when nothing else disturbs it. Other load stretches
all above it, and moved the medians of two runs of one build by up to 9 % where it moved these by 3 % (docs/diff.md).
A slower build moves all of the distribution, so the median has to go along.

Thousands of samples of one process say little about the next one: each has its own memory layout, and keeps it. Runs
of one build differ by several times what the spread inside a run suggests. So the interval has two parts:

* inside a run, the levels of its eighths. They drift, so that a mean over more of them hardly varies less: half of
  their variance counts, where an eighth would do for independent ones;
* between runs, what was measured once (``RUN_SPREAD``), corrected by the runs at hand where there are several: a
  moderated t statistic (Smyth 2004, doi:10.2202/1544-6115.1027). As many runs on both sides are taken as pairs, so
  that a machine that slows down meets both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from mdeploy.errors import InputError

__all__ = ["RUN_SPREAD", "Difference", "compare_runs", "compare_samples"]

RUN_SPREAD = 0.007
"""Relative standard deviation of runs of one build, made one after the other: 20 pairs of benchmarks/diff_trials.py."""

_SPREAD_FREEDOM = 20
_QUANTILE = 0.1
_CONFIDENCE = 0.99
_MINIMUM = 5

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """B against A. Ratios are B / A: above 1 is slower. With several runs a side, means over runs."""

    verdict: str
    """faster, slower or no difference."""
    ratio: float
    """Of the tenth percentiles."""
    low: float
    high: float
    """Bounds of the ratio's 99 % interval."""
    median_ratio: float
    medians_differ: bool
    """Whether the medians' own interval lacks 1: by other load, or because a part of the runs is slower."""
    p50_a_ms: float
    p50_b_ms: float
    n_a: int
    """Samples."""
    n_b: int
    runs_a: int
    runs_b: int
    p10_a_ms: float
    """The tenth percentiles that ``ratio`` is of."""
    p10_b_ms: float

    @property
    def change(self) -> float:
        """Share by which B is slower (positive) or faster (negative)."""
        return self.ratio - 1.0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"schema": "mdeploy-diff/1", "confidence": _CONFIDENCE, **asdict(self)}


def compare_samples(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Compare one run with another: ``compare_runs`` with one of each."""
    return compare_runs([a], [b])


def compare_runs(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> Difference:
    """Compare runs of two builds: latencies in ms, each run's in the order of measurement.

    Runs of A and B that were made in turn belong at the same places: they are pairs. Raises ``InputError`` for no run,
    or a run of fewer than five samples. The same samples always give the same answer.
    """
    sides = [[np.asarray(run, np.float64) for run in side] for side in (a, b)]
    for run in (run for side in sides for run in side):
        if run.size < _MINIMUM or not np.isfinite(run).all() or (run <= 0).any():
            raise InputError(f"a comparison needs at least {_MINIMUM} latencies of each run, all positive")
    if not all(sides):
        raise InputError("a comparison needs a run of each side")
    levels = [[_levels(run) for run in side] for side in sides]
    fast, median = (_interval(*([level[which] for level in side] for side in levels)) for which in (0, 1))
    # A slower build moves the whole distribution: a median that stays, or goes the other way, speaks against it.
    usual = math.sqrt(2 / min(map(len, sides))) * RUN_SPREAD
    slower, faster = fast[1] > 0 and median[0] > usual, fast[2] < 0 and median[0] < -usual
    verdict = "slower" if slower else "faster" if faster else "no difference"
    p10_a, p10_b, p50_a, p50_b = (
        math.exp(float(np.mean([level[which][0] for level in side]))) for which in (0, 1) for side in levels
    )
    n_a, n_b = (sum(run.size for run in side) for side in sides)
    return Difference(
        verdict,
        ratio=math.exp(fast[0]),
        low=math.exp(fast[1]),
        high=math.exp(fast[2]),
        median_ratio=math.exp(median[0]),
        medians_differ=median[1] > 0 or median[2] < 0,
        p50_a_ms=p50_a,
        p50_b_ms=p50_b,
        n_a=n_a,
        n_b=n_b,
        runs_a=len(a),
        runs_b=len(b),
        p10_a_ms=p10_a,
        p10_b_ms=p10_b,
    )


_Level = tuple[float, float]
"""Logarithm of a quantile of one run, and the variance that it has from inside the run."""


def _interval(a: Sequence[_Level], b: Sequence[_Level]) -> tuple[float, float, float]:
    """Difference of the logarithms, and the bounds of its interval."""
    first, second = (np.array([value for value, _ in side]) for side in (a, b))
    within = sum(sum(variance for _, variance in side) / len(side) ** 2 for side in (a, b))
    if len(a) == len(b):
        pairs = second - first
        difference, freedom = float(pairs.mean()), len(pairs) - 1
        squares, prior, share = float(((pairs - pairs.mean()) ** 2).sum()), 2 * RUN_SPREAD**2, 1 / len(pairs)
    else:
        difference, freedom = float(second.mean() - first.mean()), len(a) + len(b) - 2
        squares = sum(float(((side - side.mean()) ** 2).sum()) for side in (first, second))
        prior, share = RUN_SPREAD**2, 1 / len(a) + 1 / len(b)
    total = _SPREAD_FREEDOM + freedom
    variance = (_SPREAD_FREEDOM * prior + squares) / total
    half = _student(total) * math.sqrt(variance * share + within)
    return difference, difference - half, difference + half


def _student(freedom: int) -> float:
    """The two-sided quantile of Student's t by Cornish and Fisher's expansion: three digits from 20 degrees on."""
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def _levels(samples: Doubles) -> tuple[_Level, _Level]:
    """The fast level and the median of a run."""
    fast, median = (_level(samples, quantile) for quantile in (_QUANTILE, 0.5))
    return fast, median


def _level(samples: Doubles, quantile: float) -> _Level:
    eighths = [math.log(np.quantile(part, quantile)) for part in np.array_split(samples, min(8, samples.size))]
    return math.log(np.quantile(samples, quantile)), float(np.var(eighths, ddof=1)) / 2
