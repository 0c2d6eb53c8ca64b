# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Predictions as tables: the form of the paper's Table 4 for few pictures, one line a picture for many."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mdeploy.prediction import PicturePrediction, PredictionReport

__all__ = ["print_predictions"]

_FEW = 3


def print_predictions(report: PredictionReport, top: int, console: Console) -> None:
    """Print the tables, then what did not run."""
    if len(report.pictures) <= _FEW:
        for picture in report.pictures:
            console.print(_one(report, picture, top))
    else:
        console.print(_many(report))
        agreeing = sum(picture.agree for picture in report.pictures)
        console.print(f"all runtimes name the same class for {agreeing} of {len(report.pictures)} pictures")
    for name, reason in report.missing:
        console.print(f"{escape(name)}: [dim]not run[/]: {escape(reason)}", highlight=False)


def _one(report: PredictionReport, picture: PicturePrediction, top: int) -> Table:
    table = Table(title=f"{escape(picture.picture)}: scores by {escape(report.artifact)}", title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("Class")
    for title in report.titles.values():
        table.add_column(f"{title} score", justify="right")
    compared = len(report.titles) > 1
    if compared:
        table.add_column("max difference", justify="right")
    difference = picture.difference
    for place, index in enumerate(picture.ranking[:top], start=1):
        scores = [_score(float(values[index])) for values in picture.probabilities.values()]
        cells = [str(place), escape(report.labels[index]), *scores]
        table.add_row(*cells, *([f"{difference[index]:.1e}"] if compared else []))
    return table


def _many(report: PredictionReport) -> Table:
    table = Table(title=f"Predictions of {escape(report.artifact)}", title_justify="left")
    table.add_column("Picture")
    table.add_column("Class")
    for title in report.titles.values():
        table.add_column(f"{title} score", justify="right")
    compared = len(report.titles) > 1
    if compared:
        table.add_column("max difference", justify="right")
    for picture in report.pictures:
        best = picture.ranking[0]
        label = escape(report.labels[best]) + ("" if picture.agree else " [bold red](runtimes disagree)[/]")
        cells = [escape(picture.picture), label]
        cells += [_score(float(values[best])) for values in picture.probabilities.values()]
        table.add_row(*cells, *([f"{picture.difference.max():.1e}"] if compared else []))
    return table


def _score(value: float) -> str:
    return f"{value:.9f}" if value >= 1e-4 else f"{value:.4e}"
