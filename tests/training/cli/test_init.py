# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train init``: untrained, calibrated, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mdeploy.cli.main import run
from mdeploy.formats import checkpoint
from mdeploy_training.cli import root
from mdeploy_training.models.calibration import smooth_images


def init(*arguments: str | Path) -> int:
    return run(["init", *map(str, arguments)], root, "mdeploy-train")


def test_the_checkpoint_depends_on_its_input(tmp_path: Path) -> None:
    assert init("resnest_small", "--arg", "block=bottleneck", "--arg", "widths=[8,16,24]", "-o", tmp_path / "a.pt") == 0
    read = checkpoint.load(tmp_path / "a.pt")
    assert read.arguments == {"block": "bottleneck", "widths": [8, 16, 24]}
    assert read.labels is None
    model = checkpoint.build_model(read)
    images = smooth_images(8, read.input.shape, torch.Generator().manual_seed(9))
    with torch.no_grad():
        output = model(images)
    assert output.std(dim=0).mean() > 0.05
    assert output.isfinite().all()


def test_equal_commands_give_equal_bytes(tmp_path: Path) -> None:
    flags = ("resnest_small", "--arg", "widths=[8,16,24]", "--size", "24")
    assert init(*flags, "-o", tmp_path / "a.pt") == 0
    assert init(*flags, "-o", tmp_path / "b.pt") == 0
    assert init(*flags, "--seed", "1", "-o", tmp_path / "c.pt") == 0
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    assert (tmp_path / "a.pt").read_bytes() != (tmp_path / "c.pt").read_bytes()
    assert checkpoint.load(tmp_path / "a.pt").input.shape == (1, 3, 24, 24)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("resnet",), "registered:"),
        (("resnest_small", "--arg", "radix=0"), "radix"),
        (("resnest_small", "--size", "4"), "4"),
    ],
)
def test_usage_errors(flags: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(*flags, "-o", tmp_path / "a.pt") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "a.pt").exists()
