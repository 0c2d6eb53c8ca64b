# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Both blocks of the paper's net train on real images, and what comes out converts and passes parity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mdeploy.cli.main import run
from mdeploy.cli.main import run as mdeploy
from mdeploy_training.cli import root


@pytest.fixture(scope="session")
def few_images(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four training images and one test image of each CIFAR-10 class, cut from the sheets."""
    folder = tmp_path_factory.mktemp("cifar10")
    for split, count in (("train", 4), ("test", 1)):
        for sheet in sorted((shared_data / "cifar10" / split).glob("*.webp")):
            (folder / split / sheet.stem).mkdir(parents=True)
            with Image.open(sheet) as opened:
                top = np.asarray(opened.convert("RGB").crop((0, 0, 32 * count, 32)))
            for number in range(count):
                image = top[:, 32 * number : 32 * (number + 1)]
                Image.fromarray(image).save(folder / split / sheet.stem / f"{number}.png")
    return folder


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_trains_converts_and_passes_parity(
    block: str, few_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / f"{block}.pt"
    recipe = ("--recipe", "paper", "--set", "epochs=4", "--set", "batch=40", "--set", "lr=0.005")
    model = ("train", "resnest50_cifar", "--arg", f"block={block}", "--data", str(few_images))
    assert run([*model, *recipe, "--device", "cpu", "-o", str(output)], root, "mdeploy-train") == 0
    losses = [json.loads(line)["train_loss"] for line in output.with_suffix(".jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] - 0.05  # each epoch is one step over all images

    artifact = tmp_path / "artifact"
    assert mdeploy(["convert", str(output), "-o", str(artifact)]) == 0
    capsys.readouterr()
    flags = ["--backends", "torch,onnxruntime,mdeploy", "--source", str(output), "--tol", "1e-5"]
    assert mdeploy(["parity", str(artifact), *flags]) == 0, capsys.readouterr().out
