# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train transfer``: a new head on trained weights."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

from mdeploy.cli.main import run
from mdeploy.formats import checkpoint
from mdeploy_training.cli import root


def call(*arguments: str | Path) -> int:
    return run(list(map(str, arguments)), root, "mdeploy-train")


@pytest.fixture
def trained(colour_folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "start.pt"
    model = ("--arg", "layers=[1,1]", "--arg", "widths=[8,16]", "--arg", "strides=[2,2]", "--arg", "stem_width=8")
    recipe = ("--set", "epochs=3", "--set", "batch=24", "--set", "warmup_epochs=0.5", "--set", "lr=0.1")
    assert call("train", "resnest_small", *model, "--data", colour_folder, *recipe, "-o", path) == 0
    return path


@pytest.fixture
def two_colours(colour_folder: Path) -> Path:
    other = colour_folder.with_name("two")
    shutil.copytree(colour_folder, other)
    shutil.rmtree(other / "train" / "blue")
    shutil.rmtree(other / "test" / "blue")
    return other


def test_a_frozen_backbone_gets_a_new_head_for_other_classes(trained: Path, two_colours: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.pt"
    recipe = ("--recipe", "quick", "--set", "epochs=5", "--set", "batch=16", "--set", "freeze=true")
    assert call("transfer", trained, "--data", two_colours, *recipe, "-o", output) == 0
    before, after = checkpoint.load(trained), checkpoint.load(output)
    assert after.labels == ("green", "red")
    assert after.arguments["classes"] == 2
    assert after.arguments["widths"] == [8, 16]
    assert after.input == before.input  # the weights belong to this mean and std
    assert after.metrics["test_accuracy"] >= 0.9
    for name, value in before.state_dict.items():
        assert name.startswith("fc.") or torch.equal(value, after.state_dict[name]), name
    checkpoint.build_model(after)


def test_full_fine_tuning_moves_every_weight(trained: Path, two_colours: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.pt"
    flags = ("--set", "epochs=1", "--set", "batch=16", "--set", "layer_decay=0.8", "--mean", "0.5,0.5,0.5")
    assert call("transfer", trained, "--data", two_colours, *flags, "--std", "0.2,0.2,0.2", "-o", output) == 0
    before, after = checkpoint.load(trained), checkpoint.load(output)
    assert after.input.mean == (0.5, 0.5, 0.5)
    weights = [name for name in before.state_dict if name.endswith("weight") and not name.startswith("fc.")]
    assert all(not torch.equal(before.state_dict[name], after.state_dict[name]) for name in weights)


def test_a_checkpoint_of_another_architecture(
    trained: Path, two_colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "odd.pt"
    checkpoint.save(dataclasses.replace(checkpoint.load(trained), arguments={"block": "bottleneck"}), odd)
    assert call("transfer", odd, "--data", two_colours, "-o", tmp_path / "out.pt") == 3
    assert "the checkpoint's weights are not those of resnest_small" in capsys.readouterr().err
    assert not (tmp_path / "out.pt").exists()


def test_a_missing_checkpoint(two_colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("transfer", tmp_path / "none.pt", "--data", two_colours, "-o", tmp_path / "out.pt") == 3
    assert "none.pt" in capsys.readouterr().err
