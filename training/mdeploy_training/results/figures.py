# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Figures 7 and 8 of Fu and Ge from a set of runs: test accuracy against epoch, a line per run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mdeploy.errors import InputError
from mdeploy.packages import installed
from mdeploy_training.results.runs import RunResult

__all__ = ["draw_figures"]

_COLOURS = {"basic": "#1f5fa8", "bottleneck": "#c8561b"}
_OTHER_COLOUR = "#555555"
_SCRATCH_COLOUR = "#9a9a9a"
_STYLES = ("-", "--", ":", "-.")


def draw_figures(runs: Sequence[RunResult], folder: Path) -> list[Path]:
    """Write one figure for each data set that was trained on, and one for each that was transferred to.

    Runs on the same data set from scratch are drawn in grey beside the transferred ones: what the transfer gained.

    Returns:
        ``accuracy-DATA.png`` and ``.svg`` in ``folder``, ``accuracy-DATA-transfer`` for transferred runs. Equal runs
        give equal files.

    Raises:
        UnavailableError: matplotlib is not installed.
        InputError: the folder cannot be written.
    """
    with installed():
        import matplotlib as mpl
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    written = []
    for data, transferred in dict.fromkeys((run.data, run.transferred) for run in runs):
        group = [run for run in runs if (run.data, run.transferred) == (data, transferred)]
        scratch = [run for run in runs if transferred and run.data == data and not run.transferred]
        with mpl.rc_context({"svg.hashsalt": "mdeploy", "font.size": 10}):
            figure = Figure(figsize=(6.4, 4.0), dpi=150, layout="constrained")
            axes = figure.add_subplot()
            for run, label in zip(group, _labels(group), strict=True):
                same = [other for other in group[: group.index(run)] if other.block == run.block]
                axes.plot(
                    range(1, len(run.accuracy) + 1),
                    [100 * value for value in run.accuracy],
                    _STYLES[len(same) % len(_STYLES)],
                    color=_COLOURS.get(run.block, _OTHER_COLOUR),
                    label=f"{label}: {100 * run.final_accuracy:.2f} %",
                )
            for run, label in zip(scratch, _labels(scratch), strict=True):
                axes.plot(
                    range(1, len(run.accuracy) + 1),
                    [100 * value for value in run.accuracy],
                    _STYLES[scratch.index(run) % len(_STYLES)],
                    color=_SCRATCH_COLOUR,
                    label=f"{label}, from scratch: {100 * run.final_accuracy:.2f} %",
                )
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlabel("epoch")
            axes.set_ylabel("test accuracy (%)")
            axes.set_title(f"Transfer to {data}" if transferred else f"Training on {data}")
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(loc="lower right", frameon=False)
            name = f"accuracy-{data}-transfer" if transferred else f"accuracy-{data}"
            for suffix, dated in (("png", "Software"), ("svg", "Date")):
                path = folder / f"{name}.{suffix}"
                try:
                    figure.savefig(path, metadata={dated: None})
                except OSError as error:
                    raise InputError(f"{path}: cannot write the figure: {error.strerror}") from error
                written.append(path)
    return written


def _labels(runs: Sequence[RunResult]) -> list[str]:
    """Name each run by its block, and by as much more as it takes to tell the runs apart."""
    candidates = (
        [run.block for run in runs],
        [f"{run.block}, {run.device}" for run in runs],
        [f"{run.block}, {run.variant}" for run in runs],
        [f"{run.block}, {run.path.stem}" for run in runs],
    )
    return next((labels for labels in candidates if len(set(labels)) == len(runs)), candidates[-1])
