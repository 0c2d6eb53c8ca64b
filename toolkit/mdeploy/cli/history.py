# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy history``."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.cli import options

__all__ = ["command"]


@click.command("history", short_help="List the runs that were recorded.")
@click.argument("run", type=click.IntRange(min=1), required=False)
@options.model_filter_option
@click.option("--kind", type=click.Choice(["bench", "parity", "layers", "evaluation"]), help="Only runs of this kind.")
@options.last_option(30)
@options.db_option
@options.json_option
def command(run: int | None, artifact: str | None, kind: str | None, last: int, db: Path | None, as_json: bool) -> None:
    """List recorded runs, newest first; with RUN, print that run's whole document.

    \b
    mdeploy history
    mdeploy history --kind bench --artifact resnest50 --json
    mdeploy history 12 > report.json
    """
    from mdeploy.cli.show.lists import history_table
    from mdeploy.cli.show.output import print_json, stdout_console
    from mdeploy.cli.show.terminal import print_table
    from mdeploy.reports.history import History

    history = History(db)
    if run is not None:
        print_json(history.document(run))
        return
    runs = history.runs(artifact, kind, last)
    if as_json:
        print_json({"database": str(history.path), "runs": [item.to_json() for item in runs]})
        return
    if not runs:
        click.echo(f"no runs in {history.path}")
        return
    print_table(history_table(history, runs), stdout_console())
