# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Stopped by SIGTERM in mid-epoch, or spread over processes, a run ends where an unbroken one does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mdeploy.cli.main import run
from mdeploy.formats import checkpoint
from mdeploy_training.cli import root

TRAIN = [
    *("train", "resnest_small"),
    *("--arg", "layers=[1,1]", "--arg", "widths=[8,16]", "--arg", "strides=[2,2]", "--arg", "stem_width=8"),
    *("--set", "batch=8", "--set", "warmup_epochs=0.5", "--set", "lr=0.05", "--set", "crop_padding=2"),
    *("--set", "ema=0.9", "--set", "precision=fp32"),
    *("--device", "cpu", "--threads", "1"),
]


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(path).state_dict)


def losses(path: Path) -> list[tuple[int, float, float]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["epoch"], line["train_loss"], line["test_accuracy"]) for line in lines]


def test_sigterm_in_mid_epoch_and_resume(colour_folder: Path, tmp_path: Path) -> None:
    flags = [*TRAIN, "--set", "epochs=40", "--data", str(colour_folder)]
    assert run([*flags, "-o", str(tmp_path / "whole.pt")], root, "mdeploy-train") == 0

    command = [sys.executable, "-m", "mdeploy_training", *flags, "--resume", "-o", str(tmp_path / "broken.pt")]
    for attempt in range(100):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            # Once past its first epochs, then once more, then never.
            if attempt < 2 and line.startswith("epoch"):
                process.send_signal(signal.SIGTERM)
        code = process.wait()
        if code == 0:
            break
        assert code == 130, seen
        assert any("--resume goes on from there" in line for line in seen)
        assert seen[-1] == "mdeploy-train: interrupted\n"
    assert attempt == 2
    whole, broken = weights(tmp_path / "whole.pt"), weights(tmp_path / "broken.pt")
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
    assert losses(tmp_path / "whole.jsonl") == losses(tmp_path / "broken.jsonl")


@pytest.fixture
def finished(colour_folder: Path, tmp_path: Path) -> list[str]:
    flags = [*TRAIN, "--set", "epochs=1", "--data", str(colour_folder), "-o", str(tmp_path / "a.pt")]
    assert run(flags, root, "mdeploy-train") == 0
    return flags


def test_resuming_a_finished_run_changes_nothing(finished: list[str], tmp_path: Path) -> None:
    before = (tmp_path / "a.pt").read_bytes(), losses(tmp_path / "a.jsonl")
    assert run([*finished, "--resume"], root, "mdeploy-train") == 0
    assert ((tmp_path / "a.pt").read_bytes(), losses(tmp_path / "a.jsonl")) == before


def test_resuming_with_another_setting_is_refused(
    finished: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (tmp_path / "a.jsonl").read_bytes()
    capsys.readouterr()
    assert run([*finished, "--resume", "--set", "lr=0.1"], root, "mdeploy-train") == 2
    assert "lr was 0.05, is 0.1" in capsys.readouterr().err
    assert (tmp_path / "a.jsonl").read_bytes() == before


def test_a_damaged_state_is_refused(finished: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "a.state"
    state.write_bytes(state.read_bytes()[:-500])
    capsys.readouterr()
    assert run([*finished, "--resume"], root, "mdeploy-train") == 3
    assert capsys.readouterr().err.endswith("a.state: not the state of a training run, or damaged\n")


def test_two_processes_give_the_curve_of_one(colour_folder: Path, tmp_path: Path) -> None:
    flags = [*TRAIN, "--set", "epochs=3", "--set", "mixup=0.2", "--data", str(colour_folder)]
    assert run([*flags, "-o", str(tmp_path / "one.pt")], root, "mdeploy-train") == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "mdeploy_training", *flags, "-o", str(tmp_path / "two.pt")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 1/3") == 1
    assert [line for line in done.stdout.splitlines() if line] == [str(tmp_path / "two.pt")]
    for (epoch, loss, accuracy), (other, other_loss, other_accuracy) in zip(
        losses(tmp_path / "one.jsonl"), losses(tmp_path / "two.jsonl"), strict=True
    ):
        assert epoch == other
        assert other_loss == pytest.approx(loss, rel=1e-4)
        assert other_accuracy == pytest.approx(accuracy, abs=0.04)  # one image of 30
    one, two = weights(tmp_path / "one.pt"), weights(tmp_path / "two.pt")
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-2, atol=2e-4, msg=name)
