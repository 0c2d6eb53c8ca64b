# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train tables``: accuracy and time by device and block."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.cli.options import PATH
from mdeploy.cli.show.output import stdout_console
from mdeploy.cli.show.terminal import print_table
from mdeploy_training.results.runs import read_results
from mdeploy_training.results.tables import accuracy_table, time_table

__all__ = ["command"]


@click.command("tables")
@click.argument("logs", nargs=-1, required=True, type=PATH, metavar="LOG...")
@click.option("--format", "form", type=click.Choice(["table", "markdown", "csv"]), default="table", show_default=True)
def command(logs: tuple[Path, ...], form: str) -> None:
    """Print test accuracy and training time from the logs of runs: the paper's Tables 2 and 3.

    Accuracy is that of the last epoch; time is the median over the epochs of a run. Device names come from the logs.

    \b
    mdeploy-train tables runs/*.jsonl
    mdeploy-train tables runs/*.jsonl --format markdown > results.md
    """
    runs = read_results(logs)
    for number, table in enumerate((accuracy_table(runs), time_table(runs))):
        if form == "table":
            print_table(table, stdout_console())
        else:
            titled = f"**{table.title}**\n\n{table.markdown()}" if form == "markdown" else table.csv()
            click.echo(("\n" if number else "") + titled, nl=False)
