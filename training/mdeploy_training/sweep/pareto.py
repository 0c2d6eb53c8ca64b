# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a sweep found: which trials no other one beats, as a table and as an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdeploy import figures
from mdeploy.errors import InputError
from mdeploy.packages import installed
from mdeploy.tables import Table, name, number, text

__all__ = ["TrialResult", "draw_front", "on_front", "sweep_table"]


@dataclass(frozen=True)
class TrialResult:
    """A finished trial."""

    number: int
    arguments: Mapping[str, Any]
    accuracy: float
    """After the last epoch, a share of 1."""
    latency_ms: float
    """Median of the converted net."""
    parameters: int

    def describe(self) -> str:
        """Return the arguments as one line."""
        return ", ".join(f"{name} {_short(value)}" for name, value in self.arguments.items())


def _short(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)


def on_front(results: Sequence[TrialResult]) -> list[TrialResult]:
    """Return the trials that no other one beats in accuracy or latency without losing in the other, fastest first."""
    front: list[TrialResult] = []
    for result in sorted(results, key=lambda r: (r.latency_ms, -r.accuracy)):
        if not front or result.accuracy > front[-1].accuracy:
            front.append(result)
    return front


def sweep_table(results: Sequence[TrialResult]) -> Table:
    """Return the trials, best accuracy first, with a mark on those of the front."""
    front = on_front(results)
    columns = (
        number("trial"),
        text("arguments", key=True),
        number("parameters", figures.count),
        number("accuracy", "{:.4f}".format),
        number("latency (ms)", figures.ms),
        name("front"),
    )
    rows = [
        (
            result.number,
            result.describe(),
            result.parameters,
            result.accuracy,
            result.latency_ms,
            "*" if result in front else "",
        )
        for result in sorted(results, key=lambda r: -r.accuracy)
    ]
    note = "*: no other trial is both faster and more accurate"
    return Table("Accuracy against latency", columns, rows, notes=(note,))


def draw_front(results: Sequence[TrialResult], folder: Path, title: str) -> list[Path]:
    """Write ``pareto.png`` and ``pareto.svg``: latency across, accuracy up, a bubble as large as the net.

    Raises ``UnavailableError`` without matplotlib, ``InputError`` where the folder cannot be written.
    """
    with installed():
        import matplotlib as mpl
        from matplotlib.figure import Figure
    front = on_front(results)
    others = [result for result in results if result not in front]
    largest = max(result.parameters for result in results)
    written = []
    with mpl.rc_context({"svg.hashsalt": "mdeploy", "font.size": 10}):
        figure = Figure(figsize=(7.0, 4.6), dpi=150, layout="constrained")
        axes = figure.add_subplot()
        for group, colour, label in ((others, "#9aa5b1", "beaten"), (front, "#1f5fa8", "front")):
            axes.scatter(
                [result.latency_ms for result in group],
                [100 * result.accuracy for result in group],
                s=[30 + 470 * result.parameters / largest for result in group],
                color=colour,
                alpha=0.7,
                label=label,
            )
        axes.plot(
            [result.latency_ms for result in front], [100 * result.accuracy for result in front], color="#1f5fa8", lw=1
        )
        for result in front:
            axes.annotate(
                result.describe(),
                (result.latency_ms, 100 * result.accuracy),
                xytext=(0, 14),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
        axes.set_xlabel("latency of the converted net, median (ms)")
        axes.set_ylabel("test accuracy (%)")
        axes.set_title(f"{title}; largest bubble {figures.count(largest)} parameters", fontsize=10)
        axes.margins(0.2)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        for suffix, dated in (("png", "Software"), ("svg", "Date")):
            path = folder / f"pareto.{suffix}"
            try:
                figure.savefig(path, metadata={dated: None})
            except OSError as error:
                raise InputError(f"{path}: cannot write the figure: {error.strerror}") from error
            written.append(path)
    return written
