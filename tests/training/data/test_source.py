# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Images in memory and images on disk give the same batches; torchvision's data sets are read like folders."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.datasets
from PIL import Image

from mdeploy.errors import InputError, UnavailableError
from mdeploy_training.data import ImageFiles, Images, Normalization, folder, read_dataset, training_batches
from mdeploy_training.run.recipe import Recipe


@pytest.fixture
def both(colour_folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Images, ImageFiles]:
    in_memory, _ = read_dataset(str(colour_folder), size=16)
    monkeypatch.setattr(folder, "_MEMORY_BYTES", 1000)
    on_disk, _ = read_dataset(str(colour_folder), size=16)
    assert isinstance(in_memory, Images)
    assert isinstance(on_disk, ImageFiles)
    return in_memory, on_disk


def test_disk_and_memory_agree(both: tuple[Images, ImageFiles]) -> None:
    in_memory, on_disk = both
    assert (len(on_disk), on_disk.size, on_disk.classes) == (120, (16, 16), in_memory.classes)
    chosen = torch.tensor([5, 100, 5])
    assert torch.equal(on_disk.fetch(chosen), in_memory.fetch(chosen))
    assert torch.equal(on_disk.labels, in_memory.labels)
    assert Normalization.measured(on_disk) == Normalization.measured(in_memory)
    recipe = Recipe(epochs=1, batch=40, lr=0.1, schedule="cosine", crop_area=0.3, flip=True)
    for ours, theirs in zip(training_batches(on_disk, recipe, 0), training_batches(in_memory, recipe, 0), strict=True):
        assert torch.equal(ours.pixels, theirs.pixels)


def test_crops_are_pillows_boxes(both: tuple[Images, ImageFiles]) -> None:
    _, on_disk = both
    made = on_disk.fetch(torch.tensor([7]), torch.tensor([[0.25, 0.5, 0.5, 0.25]]))
    with Image.open(on_disk.paths[7]) as image:
        part = image.convert("RGB").resize((16, 16), Image.Resampling.BILINEAR, box=(4, 8, 12, 12))
    np.testing.assert_array_equal(made[0].permute(1, 2, 0).numpy(), np.asarray(part))


def test_a_image_that_vanishes_is_named(both: tuple[Images, ImageFiles]) -> None:
    _, on_disk = both
    on_disk.paths[3].unlink()
    with pytest.raises(InputError, match=on_disk.paths[3].name):
        on_disk.fetch(torch.tensor([3]))


def test_a_corrupt_image_shows_before_the_work(colour_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "_MEMORY_BYTES", 1000)
    (colour_folder / "train" / "red" / "000.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"red.000\.png"):
        read_dataset(str(colour_folder), size=16)


def test_torchvisions_cifar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    def cifar(root: Path, **flags: Any) -> SimpleNamespace:
        asked.append({"root": root, **flags})
        data = np.arange(2 * 32 * 32 * 3, dtype=np.uint8).reshape(2, 32, 32, 3)
        return SimpleNamespace(data=data, targets=[1, 0], classes=["airplane", "automobile"])

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", cifar)
    train, test = read_dataset("cifar10", root=tmp_path)
    assert [flags["train"] for flags in asked] == [True, False]
    assert all(flags["download"] and flags["root"] == tmp_path for flags in asked)
    assert train.classes == test.classes == ("airplane", "automobile")
    assert train.labels.tolist() == [1, 0]
    assert train.fetch(torch.tensor([0]))[0, :, 0, 0].tolist() == [0, 1, 2]


def test_a_failed_download_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("Error downloading cifar-100-python.tar.gz")

    monkeypatch.setattr(torchvision.datasets, "CIFAR100", fails)
    with pytest.raises(UnavailableError, match=r"cifar100: torchvision could not get the data.*Error downloading"):
        read_dataset("cifar100", root=tmp_path)


def test_images_elsewhere_give_the_same_batches() -> None:
    pixels = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    images = Images(pixels, torch.arange(40) % 2, ("a", "b"))
    moved = images.to(torch.device("cpu"))
    recipe = Recipe(epochs=1, batch=20, lr=0.1, schedule="cosine", crop_padding=2, flip=True, randaugment=5.0)
    for ours, theirs in zip(training_batches(moved, recipe, 0), training_batches(images, recipe, 0), strict=True):
        assert torch.equal(ours.pixels, theirs.pixels)
