# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train train`` from images to a checkpoint, and what it says when it cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mdeploy.cli.main import run
from mdeploy.formats import checkpoint
from mdeploy_training.cli import root
from mdeploy_training.data import Normalization, read_dataset
from mdeploy_training.run.engine import evaluate
from mdeploy_training.run.parallel import World

SMALL = [
    *("train", "resnest_small"),
    *("--arg", "layers=[1,1]", "--arg", "widths=[8,16]", "--arg", "strides=[2,2]", "--arg", "stem_width=8"),
    *("--set", "epochs=2", "--set", "batch=24", "--set", "warmup_epochs=0.5", "--set", "lr=0.1"),
]


def train(*arguments: str | Path) -> int:
    return run([*SMALL, *map(str, arguments)], root, "mdeploy-train")


def test_writes_checkpoint_and_log(colour_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.pt"
    assert train("--arg", "classes=3", "--data", colour_folder, "-o", output) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{output}\n"
    assert [line.split()[1] for line in printed.err.splitlines()] == ["1/2", "2/2"]

    read = checkpoint.load(output)
    _, test = read_dataset(str(colour_folder))
    assert read.labels == ("blue", "green", "red")
    assert read.input.shape == (1, 3, 16, 16)
    assert read.input.mean is not None
    assert read.input.std is not None
    assert read.metrics["epochs"] == 2
    alone = World(torch.device("cpu"))
    _, accuracy = evaluate(checkpoint.build_model(read), test, Normalization(read.input.mean, read.input.std), alone)
    assert accuracy == read.metrics["test_accuracy"]

    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[-1]["test_accuracy"] == accuracy
    for key in ("train_loss", "lr", "seconds", "images_per_second", "device", "peak_memory_bytes", "model", "data"):
        assert lines[0][key] not in (None, "")


def test_given_mean_and_std_are_used_and_written(colour_folder: Path, tmp_path: Path) -> None:
    flags = ("--mean", "0.1,0.2,0.3", "--std", "0.4,0.5,0.6")
    assert train("--arg", "classes=3", "--data", colour_folder, *flags, "-o", tmp_path / "a.pt") == 0
    assert checkpoint.load(tmp_path / "a.pt").input.mean == (0.1, 0.2, 0.3)


def test_equal_seeds_give_equal_checkpoints(colour_folder: Path, tmp_path: Path) -> None:
    for name in ("a.pt", "b.pt"):
        flags = ("--arg", "classes=3", "--data", colour_folder, "--threads", "1")
        assert train(*flags, "-o", tmp_path / name) == 0
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (("--arg", "classes=4"), 2, "4 classes, the data 3; give --arg classes=3"),
        (("--arg", "clases=3"), 2, "clases"),
        (("--arg", "classes"), 2, "--arg takes K=V"),
        (("--arg", "classes=3", "--set", "epoch=2"), 2, "no field 'epoch'"),
        (("--arg", "classes=3", "--recipe", "slow"), 2, "no recipe named"),
        (("--arg", "classes=3", "--mean", "0.5"), 2, "R,G,B"),
        (("--arg", "classes=3", "--mean", "0.5,0.5,0.5"), 2, "go together"),
        (("--arg", "classes=3", "--data", "/nowhere/at/all"), 3, "no such folder"),
        (("--arg", "classes=3", "-o", "/nowhere/at/all.pt"), 3, "no folder"),
        (("--arg", "classes=3", "--set", "batch=1000"), 2, "120 training images"),
        (("--arg", "classes=3", "--device", "cuda:99"), 5, "cuda:99"),
        (("--arg", "classes=3", "--device", "gpu"), 5, "gpu"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    flags: tuple[str, ...],
    code: int,
    message: str,
    colour_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train("--data", colour_folder, "-o", tmp_path / "a.pt", *flags) == code
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.startswith("mdeploy-train: ")
    assert len(printed.splitlines()) == 1
    assert not (tmp_path / "a.pt").exists()


def test_a_checkpoint_that_does_not_fit_leaves_the_old_one(colour_folder: Path, tmp_path: Path) -> None:
    """A limit on the size of files stops the write half-way, as a full disk does."""
    output = tmp_path / "a.pt"
    assert train("--arg", "classes=3", "--data", colour_folder, "-o", output) == 0
    before = output.read_bytes()
    program = (
        "import resource, sys; from mdeploy_training.cli import main; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) // 2},) * 2); sys.exit(main())"
    )
    command = [sys.executable, "-c", program, *SMALL, "--arg", "classes=3", "--data", colour_folder, "-o", output]
    done = subprocess.run([*map(str, command), "--device", "cpu"], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines()[-1].endswith("cannot write: File too large")
    assert "Traceback" not in done.stderr
    assert output.read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


def test_saves_only_as_often_as_asked(colour_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "small.pt"
    flags = ("--set", "epochs=3", "--save-every", "2")
    assert train("--data", colour_folder, *flags, "-o", output) == 0
    assert checkpoint.load(output).metrics["epochs"] == 3, "the last epoch is saved whatever the interval"
    assert len(output.with_suffix(".jsonl").read_text().splitlines()) == 3


def test_unknown_model(colour_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["train", "resnet", "--data", str(colour_folder), "-o", str(tmp_path / "a.pt")]
    assert run(flags, root, "mdeploy-train") == 2
    assert "registered: resnest50" in capsys.readouterr().err


def test_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mdeploy_training", "--help"], capture_output=True, text=True, check=True
    )
    assert "train" in done.stdout
    assert "init" in done.stdout
