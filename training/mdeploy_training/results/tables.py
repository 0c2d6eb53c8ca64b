# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Tables 2 and 3 of Fu and Ge from a set of runs: accuracy and time per epoch, by device and block."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from mdeploy.tables import Table, number, text
from mdeploy_training.results.runs import RunResult

__all__ = ["accuracy_table", "time_table"]

T = TypeVar("T")


def accuracy_table(runs: Sequence[RunResult]) -> Table:
    """Table 2: test accuracy after the last epoch.

    A row per device and data set, the average over the devices of each data set, and the transferred runs.
    """
    blocks = _blocks(runs)
    direct = [run for run in runs if not run.transferred]
    sets = _unique(run.data for run in direct)
    rows = []
    for data in sets:
        suffix = f", {data}" if len(sets) > 1 else ""
        group = [run for run in direct if run.data == data]
        devices = _unique(run.device for run in group)
        for device in devices:
            here = [run for run in group if run.device == device]
            rows.append((device + suffix, *_cells(blocks, here, _accuracy)))
        if len(devices) > 1:
            rows.append(("Average" + suffix, *_cells(blocks, group, _accuracy)))
    transferred = [run for run in runs if run.transferred]
    rows += [
        (f"Transfer to {data}", *_cells(blocks, [run for run in transferred if run.data == data], _accuracy))
        for data in _unique(run.data for run in transferred)
    ]
    columns = (text("Accuracy", key=True), *(number(_head(block), "{:.4f}".format) for block in blocks))
    return Table("Test accuracy", columns, rows)


def time_table(runs: Sequence[RunResult]) -> Table:
    """Table 3: seconds of training per epoch, the median of each run's epochs. A row per device and data set."""
    blocks = _blocks(runs)
    places = _unique((run.device, run.data) for run in runs)
    several = len({data for _, data in places}) > 1
    rows = tuple(
        (
            f"{device}, {data}" if several else device,
            *_cells(blocks, [run for run in runs if (run.device, run.data) == (device, data)], _seconds),
        )
        for device, data in places
    )
    columns = (text("Training time (s/epoch)", key=True), *(number(_head(block), "{:.1f}".format) for block in blocks))
    return Table("Training time for one epoch (s)", columns, rows)


def _accuracy(run: RunResult) -> float:
    return run.final_accuracy


def _seconds(run: RunResult) -> float:
    return run.seconds_per_epoch


def _cells(
    blocks: Sequence[str], runs: Sequence[RunResult], value: Callable[[RunResult], float]
) -> tuple[float | None, ...]:
    """One figure per block: the mean over its runs, or None."""
    found = [[value(run) for run in runs if run.block == block] for block in blocks]
    return tuple(statistics.fmean(values) if values else None for values in found)


def _blocks(runs: Sequence[RunResult]) -> list[str]:
    """Columns: the paper's order first."""
    found = _unique(run.block for run in runs)
    return sorted(
        found, key=lambda block: ("basic", "bottleneck").index(block) if block in ("basic", "bottleneck") else 2
    )


def _head(block: str) -> str:
    return {"basic": "Basic block", "bottleneck": "Bottleneck"}.get(block, block)


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
