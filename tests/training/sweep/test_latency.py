# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Latency on the real harness, and a whole sweep over it from the command line."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mdeploy.cli.main import run
from mdeploy.errors import InputError, UnavailableError, UsageError
from mdeploy_training.cli import root
from mdeploy_training.sweep import HarnessLatency

SHAPE = ["--arg", "layers=[1,1]", "--arg", "strides=[2,2]", "--arg", "stem_width=8"]


def test_measures_a_converted_net(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    assert run(["init", "resnest_small", "--arg", "widths=[8,16,24]", "-o", str(path)], root, "mdeploy-train") == 0
    latency = HarnessLatency("local", threads=1)(path)
    assert math.isfinite(latency)
    assert latency > 0


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="toaster"):
        HarnessLatency("toaster")
    with pytest.raises(InputError):
        HarnessLatency()(tmp_path / "none.pt")
    with pytest.raises((UsageError, UnavailableError)):
        HarnessLatency("adb:no-such-phone")


def test_a_sweep_from_the_command_line_ends_with_table_and_plot(
    colour_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    recipe = ["--set", "epochs=2", "--set", "batch=24", "--set", "warmup_epochs=0.5", "--set", "lr=0.1"]
    space = ["--space", "widths=[[8,16],[16,16]]", "--space", "radix=[1,2]"]
    flags = [*SHAPE, *space, *recipe, "--data", str(colour_folder), "--device", "cpu", "-o", str(folder)]
    assert run(["sweep", "resnest_small", *flags, "--trials", "2"], root, "mdeploy-train") == 0
    printed = capsys.readouterr()
    assert f"{folder}/pareto.png\n{folder}/pareto.svg\n" in printed.out
    assert "Accuracy against latency" in printed.out
    assert {path.suffix for path in folder.iterdir()} == {".db", ".pt", ".jsonl", ".state", ".png", ".svg"}
    # The same command with more trials goes on.
    assert run(["sweep", "resnest_small", *flags, "--trials", "3"], root, "mdeploy-train") == 0
    lines = capsys.readouterr().err.splitlines()
    trials = {line.split(":")[0] for line in lines if line.startswith("trial ")}
    # Numbers of trials that were passed over as repeats are used up.
    assert len(trials) == 1
    assert not trials & {"trial 0", "trial 1"}
