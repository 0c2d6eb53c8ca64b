# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Shares, intervals and times against figures worked out elsewhere."""

from __future__ import annotations

import subprocess

import pytest

from mdeploy.deployment.package.cross import harness
from mdeploy.deployment.package.layout import HARNESS_ARGUMENTS
from mdeploy.evaluation.statistics import Share, Times
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.report import Report, find_report_line


# Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3 (Wilson's score).
@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_of_the_literature(count: int, total: int, low: float, high: float) -> None:
    assert Share(count, total).interval == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize("total", [1, 7, 10_000])
def test_the_interval_holds_the_share(total: int) -> None:
    for count in {0, 1, total // 2, total}:
        share = Share(count, total)
        low, high = share.interval
        assert 0.0 <= low <= share.value <= high <= 1.0


def test_times() -> None:
    times = Times.of([0.001 * i for i in range(1, 102)])  # 1 to 101 ms
    assert (times.min_ms, times.p50_ms, times.p90_ms, times.p99_ms, times.max_ms) == pytest.approx(
        (1, 51, 91, 100, 101)
    )
    assert times.mean_ms == pytest.approx(51)
    assert times.std_ms == pytest.approx(29.1548, abs=1e-4)  # of the population: sqrt((101 * 101 - 1) / 12)
    assert Times.of([0.002]).std_ms == 0.0


def test_times_are_summarised_as_the_harness_does(tiny_artifact: Artifact) -> None:
    command = [harness("host"), *HARNESS_ARGUMENTS, "--warmup", "0", "--runs", "9"]
    done = subprocess.run(command, cwd=tiny_artifact.path, capture_output=True, text=True, check=True)
    latency = Report.from_text(find_report_line(done.stdout) or "").latency_ms
    assert latency is not None
    times = Times.of([sample / 1e3 for sample in latency.samples])
    found = (times.mean_ms, times.std_ms, times.min_ms, times.p50_ms, times.p90_ms, times.p99_ms, times.max_ms)
    expected = (latency.mean, latency.std, latency.min, latency.p50, latency.p90, latency.p99, latency.max)
    assert found == pytest.approx(expected, abs=2e-6)  # the report keeps nanoseconds
