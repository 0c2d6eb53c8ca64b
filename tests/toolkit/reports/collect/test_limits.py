# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The token bucket, on a clock of the test's own."""

from __future__ import annotations

from mdeploy.reports.collect.limits import RateLimit


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_worth_at_once_then_at_the_rate() -> None:
    clock = Clock()
    rate = RateLimit(6, clock)
    assert [rate.wait_seconds("a") for _ in range(6)] == [0] * 6
    assert rate.wait_seconds("a") == 10
    clock.now += 9.5
    assert rate.wait_seconds("a") == 1
    clock.now += 0.5
    assert rate.wait_seconds("a") == 0, "asking too early costs nothing"
    assert rate.wait_seconds("a") == 10


def test_addresses_do_not_share() -> None:
    rate = RateLimit(1, Clock())
    assert rate.wait_seconds("a") == 0
    assert rate.wait_seconds("a") > 0
    assert rate.wait_seconds("b") == 0


def test_never_more_than_a_minutes_worth() -> None:
    clock = Clock()
    rate = RateLimit(2, clock)
    rate.wait_seconds("a")
    clock.now += 3600
    assert [rate.wait_seconds("a") > 0 for _ in range(3)] == [False, False, True]


def test_many_addresses_take_bounded_memory() -> None:
    clock = Clock()
    rate = RateLimit(1, clock)
    for number in range(10_000):
        clock.now += 0.001
        rate.wait_seconds(str(number))
    assert len(rate._buckets) == 4096
    assert rate.wait_seconds("9999") > 0, "the newest are remembered"
