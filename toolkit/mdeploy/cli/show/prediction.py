# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Predictions as tables: the form of the paper's Table 4 for few images, one line an image for many."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mdeploy.cli.show.evaluation import markdown_table
from mdeploy.evaluation.prediction import ImagePrediction, PredictionReport

__all__ = ["print_predictions", "to_markdown"]

_FEW = 3
_DISAGREE = "(runtimes disagree)"
_Content = tuple[str, list[str], list[list[str]]]  # title, headings, rows


def print_predictions(report: PredictionReport, top: int, console: Console) -> None:
    """Print the tables, then what did not run."""
    if len(report.images) <= _FEW:
        for image in report.images:
            console.print(_render(_one(report, image, top)))
    else:
        console.print(_render(_many(report)))
        agreeing = sum(image.agree for image in report.images)
        console.print(f"all runtimes name the same class for {agreeing} of {len(report.images)} images")
    for name, reason in report.missing:
        console.print(f"{escape(name)}: [dim]not run[/]: {escape(reason)}", highlight=False)


def to_markdown(report: PredictionReport, top: int) -> str:
    """The same tables in Markdown."""
    tables = [_one(report, image, top) for image in report.images[:_FEW]]
    parts = tables if len(report.images) <= _FEW else [_many(report)]
    text = "\n".join(f"### {title}\n\n{markdown_table((headings, rows))}" for title, headings, rows in parts)
    missing = "".join(f"- {name}: {reason}\n" for name, reason in report.missing)
    return text + (f"\nNot run:\n\n{missing}" if missing else "")


def _render(content: _Content) -> Table:
    title, headings, rows = content
    table = Table(title=escape(title), title_justify="left")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("Image", "Class") else "right")
    for row in rows:
        table.add_row(*(escape(cell).replace(_DISAGREE, f"[bold red]{_DISAGREE}[/]") for cell in row))
    return table


def _one(report: PredictionReport, image: ImagePrediction, top: int) -> _Content:
    difference = image.difference
    rows = []
    for place, index in enumerate(image.ranking[:top], start=1):
        scores = [_score(float(values[index])) for values in image.probabilities.values()]
        rows.append([str(place), report.labels[index], *scores, *_compared(report, f"{difference[index]:.1e}")])
    title = f"{image.image}: scores by {report.artifact}"
    return title, ["#", "Class", *_score_headings(report), *_compared(report, "max difference")], rows


def _many(report: PredictionReport) -> _Content:
    rows = []
    for image in report.images:
        best = image.ranking[0]
        label = report.labels[best] + ("" if image.agree else f" {_DISAGREE}")
        scores = [_score(float(values[best])) for values in image.probabilities.values()]
        rows.append([image.image, label, *scores, *_compared(report, f"{image.difference.max():.1e}")])
    headings = ["Image", "Class", *_score_headings(report), *_compared(report, "max difference")]
    return f"Predictions of {report.artifact}", headings, rows


def _score_headings(report: PredictionReport) -> list[str]:
    return [f"{title} score" for title in report.titles.values()]


def _compared(report: PredictionReport, cell: str) -> list[str]:
    return [cell] if len(report.titles) > 1 else []


def _score(value: float) -> str:
    return f"{value:.9f}" if value >= 1e-4 else f"{value:.4e}"
