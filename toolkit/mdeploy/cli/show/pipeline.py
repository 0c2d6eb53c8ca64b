# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The report of ``parity --pipeline``: a row for each image, and the stage at fault."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from mdeploy import figures
from mdeploy.cli.show.terminal import print_table
from mdeploy.comparison.pipeline.run import PipelineReport
from mdeploy.comparison.pipeline.stages import STAGES
from mdeploy.tables import Mark, Table, name, number, text

__all__ = ["pipeline_table", "print_pipeline"]


def print_pipeline(report: PipelineReport, console: Console) -> None:
    """Print the table, what could not be judged, and the verdict."""
    print_table(pipeline_table(report), console)
    for note in report.notes:
        console.print(f"[yellow]note:[/] {escape(note)}", highlight=False)
    if report.labels and report.failed:
        console.print(f"[bold red]the labels differ: {escape(report.labels)}[/]", highlight=False)
    colour = "green" if report.passed else "bold red"
    console.print(f"[{colour}]{escape(report.verdict())}[/]", highlight=False)


def pipeline_table(report: PipelineReport) -> Table:
    """Largest difference of each stage in 1/255, of the tensors and of the scores; both top-1 classes."""
    columns = [
        text("Image", key=True),
        number("size", spare=4),
        *(number(stage, spare=0 if stage in ("resize", "crop", "normalise") else 3) for stage in STAGES),
        number("tensor", figures.difference, spare=2),
        number("scores", figures.difference),
        name("top-1", spare=1),
        name("first to differ"),
    ]
    rows = [
        (
            Path(image.image).name,
            f"{image.size[0]}x{image.size[1]}",
            *("size" if stage.steps is None else f"{stage.steps:.3g}" for stage in image.stages),
            image.tensor,
            image.scores.max_abs,
            f"{image.top1[0]}" if image.top1[0] == image.top1[1] else f"{image.top1[0]}, ours {image.top1[1]}",
            Mark("none", True) if image.first is None else Mark(image.first, False),
        )
        for image in report.images
    ]
    title = f"{report.artifact} from image files: {report.backend} against {report.origin} (stages in 1/255)"
    return Table(title, columns, rows)
