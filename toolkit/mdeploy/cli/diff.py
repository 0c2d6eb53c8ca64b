# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdeploy.cli import options

if TYPE_CHECKING:
    from mdeploy.formats.report import Report

__all__ = ["command"]


@click.command("diff", short_help="Compare the latencies of two runs.")
@click.argument("a", metavar="A[,A]...")
@click.argument("b", metavar="B[,B]...")
@options.max_regression_option
@options.db_option
@options.json_option
def command(a: str, b: str, max_regression: float, db: Path | None, as_json: bool) -> int:
    """Say whether run B is faster or slower than run A, by a test on the raw samples.

    A and B are runs of `mdeploy history`, or report files that bench wrote. Several on each side, separated by commas,
    find smaller differences, best when A and B ran in turn. What is compared is the tenth percentile: what a run takes
    when nothing disturbs it. A difference counts only where neither the samples nor the usual spread between runs of
    one build explains it: from about 3% with one run of each, from 1% with ten. `mdeploy bench A --against B` makes
    such runs.

    \b
    mdeploy diff 12 13
    mdeploy diff 12,14,16,18,20 13,15,17,19,21
    mdeploy diff main.json change.json --max-regression 3%
    """
    from mdeploy.cli.show.diff import print_difference

    first, second = ([_report(name, db) for name in _names(side)] for side in (a, b))
    return print_difference(first, second, (a, b), max_regression, as_json)


def _names(side: str) -> list[str]:
    """A file may have a comma in its name; several runs have commas between them."""
    from mdeploy.errors import UsageError

    names = [side] if Path(side).is_file() else [name.strip() for name in side.split(",")]
    if not all(names):
        raise UsageError(f"{side!r} is not a list of runs")
    return names


def _report(name: str, db: Path | None) -> Report:
    from mdeploy.errors import InputError
    from mdeploy.formats.documents import read_document
    from mdeploy.formats.report import Report
    from mdeploy.reports.history import History

    if name.isdecimal():
        stored = read_document(History(db).document(int(name)), f"run {name}")
        if not isinstance(stored, Report):
            raise InputError(f"run {name} is not a bench run: only latencies can be compared")
        return stored
    return Report.read(Path(name))
