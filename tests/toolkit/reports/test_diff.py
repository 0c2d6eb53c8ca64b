# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The comparison of two runs on latencies made to look like real ones: a fast core with slow spells."""

from __future__ import annotations

import numpy as np
import pytest

from mdeploy.errors import InputError
from mdeploy.reports.diff import _student, compare_runs, compare_samples


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


def test_a_million_samples_do_not_make_two_processes_one() -> None:
    # 1.5 % between two runs of one build is usual; a test that took samples for independent would be sure of it.
    a, b = np.full(20_000, 2.0), np.full(20_000, 2.03)
    generator = np.random.default_rng(0)
    noisy = [list(side * (1 + np.abs(generator.normal(0, 0.01, side.size)))) for side in (a, b)]
    result = compare_samples(*noisy)
    assert result.verdict == "no difference"
    assert result.high - result.low > 0.05


class TestSeveralRuns:
    def test_they_find_what_one_run_cannot(self) -> None:
        a = [latencies(2 * i, 1.0) for i in range(10)]
        b = [latencies(2 * i + 1, 1.02) for i in range(10)]
        assert compare_samples(a[0], b[0]).verdict == "no difference"
        several = compare_runs(a, b)
        assert (several.verdict, several.runs_a, several.runs_b) == ("slower", 10, 10)
        assert several.low < 1.02 < several.high
        assert compare_runs(a, [latencies(100 + i) for i in range(10)]).verdict == "no difference"

    def test_runs_that_spread_more_than_usual_widen_the_interval(self) -> None:
        def drifting(seed: int) -> list[list[float]]:
            generator = np.random.default_rng(seed)
            return [latencies(seed * 100 + i, 1 + generator.normal(0, 0.06)) for i in range(20)]

        usual = compare_runs([latencies(i) for i in range(20)], [latencies(50 + i) for i in range(20)])
        wild = compare_runs(drifting(1), drifting(2))
        assert wild.high - wild.low > 2 * (usual.high - usual.low)
        assert wild.verdict == "no difference"

    def test_pairs_cancel_what_meets_both(self) -> None:
        # A machine that warms up by 2 % a round: run in turn the builds are equal, and so is the verdict.
        rounds = [1 + 0.02 * i for i in range(8)]
        a = [latencies(i, slow) for i, slow in enumerate(rounds)]
        b = [latencies(100 + i, slow * 1.03) for i, slow in enumerate(rounds)]
        paired = compare_runs(a, b)
        assert paired.verdict == "slower"
        unpaired = compare_runs(a, b[:-1])
        assert unpaired.high - unpaired.low > 2 * (paired.high - paired.low)

    @pytest.mark.parametrize(("a", "b"), [(0, 3), (3, 0)])
    def test_an_empty_side(self, a: int, b: int) -> None:
        with pytest.raises(InputError, match="a run of each side"):
            compare_runs([latencies(i) for i in range(a)], [latencies(i) for i in range(b)])


def test_student_quantiles() -> None:
    # Tables: 99 % two-sided.
    for freedom, quantile in ((20, 2.8453), (30, 2.7500), (60, 2.6603), (10**9, 2.5758)):
        assert _student(freedom) == pytest.approx(quantile, abs=2e-3)


def test_other_load_alone_is_no_slower_build() -> None:
    quiet, loaded = latencies(1, 1.0, 0.0), latencies(2, 1.0, 0.5)
    assert np.mean(loaded) > 1.05 * np.mean(quiet), "the means alone would be fooled"
    assert compare_samples(quiet, loaded).verdict == "no difference"


def test_a_median_that_stays_speaks_against_a_slower_build() -> None:
    generator = np.random.default_rng(3)
    samples = np.where(generator.random(600) < 0.4, 2.0, 2.8) * (1 + np.abs(generator.normal(0, 0.002, 600)))
    raised = np.where(samples < 2.4, 1.07 * samples, samples)  # as if the fastest runs alone had met something
    result = compare_samples(list(samples), list(raised))
    assert result.low > 1, "the tenth percentile alone would call it slower"
    assert result.median_ratio == pytest.approx(1, abs=1e-3)
    assert result.verdict == "no difference"
    back = compare_samples(list(raised), list(samples))
    assert back.high < 1
    assert back.verdict == "no difference"


def test_half_of_the_runs_slower_is_said_of_the_medians() -> None:
    samples = np.array(latencies(1, 1.0, 0.0))
    half = samples.copy()
    half[np.random.default_rng(0).random(half.size) < 0.7] *= 1.2
    result = compare_samples(list(samples), list(half))
    assert (result.verdict, result.medians_differ) == ("no difference", True)
    assert result.median_ratio > 1.1


def test_the_same_samples_give_the_same_answer() -> None:
    a, b = latencies(1), latencies(2)
    assert compare_samples(a, b) == compare_samples(a, b)
    same = compare_samples(a, a)
    assert (same.verdict, same.ratio) == ("no difference", 1.0)


@pytest.mark.parametrize("bad", [[], [1.0] * 4, [1.0] * 9 + [float("nan")], [1.0] * 9 + [0.0]])
def test_what_cannot_be_compared(bad: list[float]) -> None:
    with pytest.raises(InputError, match="at least 5"):
        compare_samples([1.0] * 10, bad)
