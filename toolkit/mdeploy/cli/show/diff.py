# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How the comparison of two builds is made and printed: by diff of kept runs, by bench --against of new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from mdeploy import figures
from mdeploy.cli.show.output import print_json, stdout_console
from mdeploy.cli.show.terminal import print_table
from mdeploy.errors import CheckFailed
from mdeploy.reports.diff import Difference, compare_runs
from mdeploy.tables import Table, number, text

if TYPE_CHECKING:
    from rich.console import Console

    from mdeploy.formats.report import Report

__all__ = ["difference_table", "print_comparison", "print_difference"]


def print_difference(
    a: Sequence[Report], b: Sequence[Report], names: tuple[str, str], max_regression: float, as_json: bool
) -> int:
    """Compare, print, and return the exit code."""
    first, second = ([r.latency_ms.samples if r.latency_ms else () for r in side] for side in (a, b))
    result = compare_runs(first, second)
    notes = [*_unlike([*a, *b]), *_cautions(result, max_regression)]
    if as_json:
        print_json({**result.to_json(), "max_regression": max_regression, "notes": notes})
    else:
        print_comparison(result, names, notes, stdout_console())
    regressed = result.verdict == "slower" and result.change > max_regression
    return CheckFailed.exit_code if regressed else 0


def print_comparison(result: Difference, names: tuple[str, str], notes: Sequence[str], console: Console) -> None:
    """Print the verdict and what it is about, the figures of both sides, and the notes."""
    low, high = (figures.change(bound - 1) for bound in (result.low, result.high))
    verdict = {"slower": "bold red", "faster": "green"}.get(result.verdict, "bold")
    line = Text(result.verdict, verdict)
    line.append(f": {figures.change(result.change)} by the tenth percentiles of A and B, ", "default")
    line.append(f"99% interval {low} to {high}", "default")
    console.print(line)
    print_table(difference_table(result, names), console)
    for note in notes:
        console.print(Text(f"note: {note}"))


def difference_table(result: Difference, names: tuple[str, str]) -> Table:
    """The figures that were compared, and the medians beside them."""
    columns = (text("", key=True), number("A", spare=0), number("B"), number("B against A"))
    rows = (
        ("tenth percentile, ms", *map(figures.ms, (result.p10_a_ms, result.p10_b_ms)), figures.change(result.change)),
        ("median, ms", *map(figures.ms, (result.p50_a_ms, result.p50_b_ms)), figures.change(result.median_ratio - 1)),
        ("samples", str(result.n_a), str(result.n_b), ""),
        ("runs", str(result.runs_a), str(result.runs_b), ""),
    )
    return Table(f"A: {names[0]}, B: {names[1]}", columns, rows)


def _cautions(result: Difference, max_regression: float) -> list[str]:
    """What the figures do not say, or cannot."""
    notes = []
    if result.medians_differ and result.verdict == "no difference":
        notes.append(
            f"the medians differ by {figures.change(result.median_ratio - 1)}, the tenth percentiles not as clearly: "
            "other work on the machine stretches the upper half of the samples, or only some of the runs are slower. "
            "The verdict follows the tenth percentile: what a run takes when nothing disturbs it"
        )
    smallest = max(result.high / result.ratio, result.ratio / result.low) - 1
    if smallest > max_regression:
        seen = figures.percentage(smallest)
        notes.append(f"differences up to {seen} cannot be seen with these runs; more of them on each side can")
    return notes


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
