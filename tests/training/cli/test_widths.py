# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of ``mdeploy-train`` at 80, 100 and 140 columns: figures are whole."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from mdeploy.cli.main import run
from mdeploy.cli.show.terminal import print_table
from mdeploy.tables import Table
from mdeploy_training.cli import root
from mdeploy_training.cli.benchmark import throughput_table
from mdeploy_training.results.runs import RunResult
from mdeploy_training.results.tables import accuracy_table, time_table
from mdeploy_training.run.throughput import Throughput
from mdeploy_training.sweep import TrialResult, sweep_table


def drawn(table: Table, width: int) -> str:
    out = io.StringIO()
    print_table(table, Console(width=width, file=out))
    return out.getvalue()


def check(table: Table) -> None:
    whole = {cell for row in table.cells() for cell in row if re.search(r"\d\.\d", cell)}
    assert whole
    for width in (80, 100, 140):
        shown = drawn(table, width)
        assert "…" not in shown
        assert all(len(line) <= width for line in shown.splitlines())
        for figure in whole:
            assert any(figure in line for line in shown.splitlines()), (width, figure)


def test_runs() -> None:
    runs = [
        RunResult(
            path=Path(f"{device}-{block}.jsonl"),
            block=block,
            variant="resnest50_cifar",
            data="cifar10",
            transferred=False,
            device=f"{device} of some maker with a long name, 80 GB",
            accuracy=(0.5, 0.93512),
            seconds=(12345.678, 12345.678),
        )
        for device in ("a GPU", "another GPU")
        for block in ("basic", "bottleneck", "third_block_of_a_name", "fourth_block_of_a_name")
    ]
    check(accuracy_table(runs))
    check(time_table(runs))


def test_sweep_and_benchmark() -> None:
    arguments = {"radix": 2, "cardinality": 1, "widths": [64, 128, 256], "layers": [3, 4, 6, 3], "block": "bottleneck"}
    check(sweep_table([TrialResult(place, arguments, 0.93512, 1234.567, 23_190_000) for place in range(9)]))
    form = Throughput("bf16", True, True, 123456.7, (1.0, 2.0), 12.34, 0.4321)
    check(throughput_table("resnest50_cifar, batch 128", [form]))


@pytest.mark.parametrize("width", [80, 100, 140])
def test_summary(width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["summary", "resnest50_cifar"], root, "mdeploy-train") == 0
    out = capsys.readouterr().out
    assert "…" not in out
    assert all(len(line) <= width for line in out.splitlines() if "│" in line)
    assert "256x8x8" in out
