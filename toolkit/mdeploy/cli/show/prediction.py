# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Predictions as tables: the form of the paper's Table 4 for few images, one row per image for many."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from mdeploy.cli.show.terminal import print_table
from mdeploy.evaluation.prediction import ImagePrediction, PredictionReport
from mdeploy.tables import Column, Mark, Table, name, number, text

__all__ = ["prediction_tables", "print_predictions", "to_markdown"]

_FEW = 3


def print_predictions(report: PredictionReport, top: int, console: Console) -> None:
    """Print the tables, then what did not run."""
    for table in prediction_tables(report, top):
        print_table(table, console)
    if len(report.images) > _FEW:
        agreeing = sum(image.agree for image in report.images)
        console.print(f"all backends name the same class for {agreeing} of {len(report.images)} images")
    for backend, reason in report.missing:
        console.print(f"{escape(backend)}: [dim]not run[/]: {escape(reason)}", highlight=False)


def to_markdown(report: PredictionReport, top: int) -> str:
    """The same tables in Markdown."""
    found = "\n".join(f"### {table.title}\n\n{table.markdown()}" for table in prediction_tables(report, top))
    missing = "".join(f"- {backend}: {reason}\n" for backend, reason in report.missing)
    return found + (f"\nNot run:\n\n{missing}" if missing else "")


def prediction_tables(report: PredictionReport, top: int) -> list[Table]:
    """A table for each of a few images, or one for many."""
    if len(report.images) <= _FEW:
        return [_one(report, image, top) for image in report.images]
    return [_many(report)]


def _one(report: PredictionReport, image: ImagePrediction, top: int) -> Table:
    difference = image.difference
    rows = []
    for place, index in enumerate(image.ranking[:top], start=1):
        scores = [float(values[index]) for values in image.probabilities.values()]
        rows.append(
            (place, index, report.labels[index], *scores, *([float(difference[index])] if _compared(report) else []))
        )
    columns = (number("#"), number("Index"), text("Class", key=True), *_score_columns(report))
    return Table(f"{image.image}: scores by {report.artifact}", columns, rows)


def _many(report: PredictionReport) -> Table:
    rows = []
    for image in report.images:
        best = image.ranking[0]
        scores = [float(values[best]) for values in image.probabilities.values()]
        agreement = [Mark("yes", True) if image.agree else Mark("NO", False)] if _compared(report) else []
        largest = [float(image.difference.max())] if _compared(report) else []
        rows.append((image.image, best, report.labels[best], *agreement, *scores, *largest))
    agree = [name("All agree", key=True)] if _compared(report) else []
    columns = (text("Image", key=True), number("Index"), text("Class", key=True), *agree, *_score_columns(report))
    return Table(f"Predictions of {report.artifact}", columns, rows)


def _score_columns(report: PredictionReport) -> list[Column]:
    columns = [number(f"{title} score", _score) for title in report.titles.values()]
    return [*columns, *([number("max difference", lambda value: f"{value:.1e}")] if _compared(report) else [])]


def _compared(report: PredictionReport) -> bool:
    return len(report.titles) > 1


def _score(value: float) -> str:
    return f"{value:.9f}" if value >= 1e-4 else f"{value:.4e}"
