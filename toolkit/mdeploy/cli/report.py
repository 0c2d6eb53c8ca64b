# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy report``."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.cli import options

__all__ = ["command"]


@click.command("report", short_help="Put runs onto one self-contained HTML page.")
@click.argument("sources", nargs=-1, metavar="[RUN_OR_FILE]...")
@options.output_option("The page.", "report.html")
@options.last_option(20)
@options.model_filter_option
@options.db_option
def command(sources: tuple[str, ...], output: Path, last: int, artifact: str | None, db: Path | None) -> None:
    """Put runs onto one self-contained HTML page.

    A source is a run of `mdeploy history`, a JSON file that a verb wrote, or a training log (.jsonl). Without sources
    the newest recorded runs are shown. The page needs no network, prints well, and follows the reader's dark or light
    setting.

    \b
    mdeploy report
    mdeploy report 12 13 training.jsonl -o comparison.html
    """
    from mdeploy import figures
    from mdeploy.files import replace_file
    from mdeploy.progress import status
    from mdeploy.reports.history import History
    from mdeploy.reports.page import gather, render_page

    with status("report"):
        text = render_page(gather(sources, History(db), last, artifact))
        replace_file(output, text.encode())
    click.echo(f"{output}  {figures.size(len(text.encode()))}")
