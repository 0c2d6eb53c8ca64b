# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Two artifacts on one device, in turn: other load on the device then affects both."""

from __future__ import annotations

from mdeploy.deployment.devices import openers
from mdeploy.deployment.devices.base import BenchOptions
from mdeploy.deployment.devices.bench import check_result, run_bench
from mdeploy.errors import UsageError
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.report import Report
from mdeploy.progress import Tell, quiet

__all__ = ["bench_pairs"]


def bench_pairs(
    a: Artifact,
    b: Artifact,
    selector: str,
    options: BenchOptions,
    pairs: int,
    tell: Tell = quiet,
) -> tuple[str, list[tuple[Report, Report]]]:
    """Run both ``pairs`` times, each run a process of its own; return the device's name and the reports of each pair.

    Every other pair goes the other way round, so that neither is always the one that finds the device warm. Raises what
    ``run_bench`` raises, the error of a report that is not ok, and ``UsageError`` for more than one device.
    """
    named = openers(selector)
    if len(named) != 1:
        raise UsageError("--against compares on one device: name it by --device")
    name, opener = named[0]
    reports: list[tuple[Report, Report]] = []
    for number in range(pairs):
        made: dict[str, Report] = {}
        order = (("a", a), ("b", b)) if number % 2 == 0 else (("b", b), ("a", a))
        for side, artifact in order:
            tell(f"pair {number + 1} of {pairs}, {artifact.path}")
            with opener() as device:
                made[side] = run_bench(artifact, device, options)
            check_result(made[side], name)
        reports.append((made["a"], made["b"]))
    return name, reports
