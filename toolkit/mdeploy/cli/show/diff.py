# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How the comparison of two builds is made and printed: by diff of kept runs, by bench --against of new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mdeploy.cli.show.output import print_json
from mdeploy.errors import CheckFailed
from mdeploy.reports.diff import compare_runs

if TYPE_CHECKING:
    from mdeploy.formats.report import Report

__all__ = ["print_difference"]


def print_difference(
    a: Sequence[Report], b: Sequence[Report], names: tuple[str, str], max_regression: float, as_json: bool
) -> int:
    """Compare, print, and return the exit code."""
    first, second = ([r.latency_ms.samples if r.latency_ms else () for r in side] for side in (a, b))
    result = compare_runs(first, second)
    notes = _unlike([*a, *b])
    if result.medians_differ and result.verdict == "no difference":
        notes.append(
            f"the medians differ by {result.median_ratio - 1:+.1%}, the fast runs do not as clearly: other load, or a "
            "part of the runs is slower"
        )
    smallest = max(result.high / result.ratio, result.ratio / result.low) - 1
    if smallest > max_regression:
        notes.append(f"differences up to {smallest:.0%} cannot be seen with these runs; more of them on each side can")
    if as_json:
        print_json({**result.to_json(), "max_regression": max_regression, "notes": notes})
    else:
        interval = f"99 % interval {result.low - 1:+.1%} to {result.high - 1:+.1%}"
        click.echo(f"{result.verdict}: {result.change:+.1%}, {interval}")
        click.echo(f"  A {_side(names[0], result.p50_a_ms, result.n_a, result.runs_a)}")
        click.echo(f"  B {_side(names[1], result.p50_b_ms, result.n_b, result.runs_b)}")
        for note in notes:
            click.echo(f"note: {note}")
    regressed = result.verdict == "slower" and result.change > max_regression
    return CheckFailed.exit_code if regressed else 0


def _side(name: str, median: float, samples: int, runs: int) -> str:
    return f"{name}: median {median:.3f} ms, {samples} samples" + (f" of {runs} runs" if runs > 1 else "")


def _unlike(reports: Sequence[Report]) -> list[str]:
    """What makes runs hard to compare."""
    facts = {
        "models": [report.model.name for report in reports],
        "devices": [report.device.model or report.device.abi for report in reports],
        "threads": [str(report.threads) for report in reports],
        "instruction sets": [report.isa for report in reports],
        "compilers": [report.compiler.id for report in reports],
        "runners": [report.runner for report in reports],
    }
    distinct = {what: list(dict.fromkeys(values)) for what, values in facts.items()}
    return [f"different {what}: {' and '.join(values)}" for what, values in distinct.items() if len(values) > 1]
