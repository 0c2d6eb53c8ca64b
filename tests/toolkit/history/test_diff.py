# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The comparison of two runs on latencies made to look like real ones: a fast core with slow spells."""

from __future__ import annotations

import numpy as np
import pytest

from mdeploy.errors import InputError
from mdeploy.history.diff import compare_samples


def latencies(seed: int, slowdown: float = 1.0, load: float = 0.1, count: int = 600) -> list[float]:
    """2 ms with 1 % of spread, runs that differ by 0.3 %, and spells of other load that last many samples."""
    generator = np.random.default_rng(seed)
    base = 2.0 * slowdown * (1 + generator.normal(0, 0.003))
    samples = base * (1 + np.abs(generator.normal(0, 0.01, count)))
    place = 0
    while place < count:
        length = int(generator.integers(5, 40))
        if generator.random() < load:
            samples[place : place + length] *= 1 + generator.exponential(0.5)
        place += length
    return [float(value) for value in samples]


@pytest.mark.parametrize("load", [0.0, 0.1, 0.3])
def test_the_same_build_shows_no_difference(load: float) -> None:
    verdicts = [
        compare_samples(latencies(2 * i, 1.0, load), latencies(2 * i + 1, 1.0, load)).verdict for i in range(20)
    ]
    assert verdicts == ["no difference"] * 20


@pytest.mark.parametrize("load", [0.0, 0.1])
def test_five_percent_are_found(load: float) -> None:
    for i in range(20):
        slower = compare_samples(latencies(2 * i, 1.0, load), latencies(2 * i + 1, 1.05, load))
        assert slower.verdict == "slower"
        assert slower.ratio == pytest.approx(1.05, abs=0.015)  # the two runs' own 0.3 % included
        assert slower.low <= slower.ratio <= slower.high
        faster = compare_samples(latencies(2 * i, 1.05, load), latencies(2 * i + 1, 1.0, load))
        assert faster.verdict == "faster"


def test_other_load_alone_is_no_slower_build() -> None:
    quiet, loaded = latencies(1, 1.0, 0.0), latencies(2, 1.0, 0.5)
    assert np.mean(loaded) > 1.05 * np.mean(quiet), "the means alone would be fooled"
    assert compare_samples(quiet, loaded).verdict == "no difference"


def test_the_same_samples_give_the_same_answer() -> None:
    a, b = latencies(1), latencies(2)
    assert compare_samples(a, b) == compare_samples(a, b)
    same = compare_samples(a, a)
    assert (same.verdict, same.ratio) == ("no difference", 1.0)


@pytest.mark.parametrize("bad", [[], [1.0] * 4, [1.0] * 9 + [float("nan")], [1.0] * 9 + [0.0]])
def test_what_cannot_be_compared(bad: list[float]) -> None:
    with pytest.raises(InputError, match="at least 5"):
        compare_samples([1.0] * 10, bad)
