# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The front, its table and its image."""

from __future__ import annotations

import random
from pathlib import Path

from mdeploy_training.sweep import TrialResult, draw_front, on_front, sweep_table


def trial(number: int, accuracy: float, latency: float) -> TrialResult:
    return TrialResult(number, {"radix": number, "widths": [8, 16]}, accuracy, latency, 1000 * (number + 1))


def test_the_front_is_what_no_other_trial_beats() -> None:
    chooser = random.Random(0)
    for _ in range(50):
        trials = [trial(n, chooser.randrange(10) / 10, chooser.randrange(1, 10)) for n in range(12)]
        front = on_front(trials)
        places = {(t.accuracy, t.latency_ms) for t in front}
        for one in trials:
            beaten = any(
                other.accuracy >= one.accuracy
                and other.latency_ms <= one.latency_ms
                and (other.accuracy, other.latency_ms) != (one.accuracy, one.latency_ms)
                for other in trials
            )
            assert ((one.accuracy, one.latency_ms) in places) != beaten
        assert [t.latency_ms for t in front] == sorted(t.latency_ms for t in front)


def test_table_and_image(tmp_path: Path) -> None:
    trials = [trial(0, 0.5, 1.0), trial(1, 0.9, 2.0), trial(2, 0.7, 3.0)]
    lines = [line for line in sweep_table(trials).markdown().splitlines() if "radix" in line]
    assert ["radix 1, widths 8/16" in lines[0], "0.9000" in lines[0], lines[0].count("*")] == [True, True, 1]
    assert [line.count("*") for line in lines] == [1, 0, 1]
    paths = draw_front(trials, tmp_path, "small")
    assert [path.name for path in paths] == ["pareto.png", "pareto.svg"]
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in draw_front(trials, tmp_path, "small")] == first
