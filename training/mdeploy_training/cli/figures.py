# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train figures``: accuracy against epoch."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.cli.options import PATH
from mdeploy_training.results.figures import draw_figures
from mdeploy_training.results.runs import read_results

__all__ = ["command"]


@click.command("figures")
@click.argument("logs", nargs=-1, required=True, type=PATH, metavar="LOG...")
@click.option("-o", "--output", type=PATH, default=Path(), show_default=True, help="Folder for the figures.")
def command(logs: tuple[Path, ...], output: Path) -> None:
    """Draw test accuracy against epoch from the logs of runs, as PNG and SVG: the paper's Figures 7 and 8.

    \b
    mdeploy-train figures basic.jsonl bottleneck.jsonl -o figures/
    """
    for path in draw_figures(read_results(logs), output):
        click.echo(str(path))
