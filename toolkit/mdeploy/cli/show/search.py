# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a search for the largest difference found."""

from __future__ import annotations

from rich.console import Console

from mdeploy import figures
from mdeploy.cli.show.terminal import print_table
from mdeploy.comparison.search import SearchReport
from mdeploy.tables import Mark, Table, name, number, text

__all__ = ["print_search", "search_table"]


def print_search(report: SearchReport, console: Console) -> None:
    """Print a row for each backend, and what this does not say."""
    print_table(search_table(report), console)


def search_table(report: SearchReport) -> Table:
    """The largest difference of each backend."""
    rows = [
        (
            finding.title,
            finding.made,
            finding.output,
            finding.comparison.max_abs,
            None if finding.comparison.required_tolerance is None else finding.required,
            Mark.verdict(finding.passed),
        )
        for finding in sorted(report.findings, key=lambda finding: -finding.required)
    ]
    columns = (
        text("Backend", key=True),
        text("Worst input"),
        text("Output", spare=1),
        number("max abs", figures.difference),
        number("required tol", figures.required_tolerance),
        name(""),
    )
    notes = ["the largest that was found: it bounds nothing, other inputs may differ by more"]
    if report.exit_code:
        notes.append(f"the worst input is in {report.artifact}-search/, for --input of the harness")
    inputs = figures.plural(report.tried, "input")
    return Table(f"Search of {report.seconds:g} s: {inputs} against {report.reference}", columns, rows, notes=notes)
