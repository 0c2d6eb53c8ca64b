# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reading image folders, good and bad."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mdeploy.errors import InputError
from mdeploy_training.data import read_dataset


def test_reads_pixels_labels_and_class_names(colour_folder: Path) -> None:
    train, test = read_dataset(str(colour_folder))
    assert train.classes == test.classes == ("blue", "green", "red")
    assert (len(train), len(test), train.size) == (120, 30, (16, 16))
    expected = np.asarray(Image.open(colour_folder / "test" / "green" / "003.png"))
    np.testing.assert_array_equal(test.fetch(torch.tensor([13]))[0].permute(1, 2, 0).numpy(), expected)
    assert test.labels[13] == 1


def test_other_files_are_ignored_and_grey_images_become_rgb(colour_folder: Path) -> None:
    (colour_folder / "test" / "red" / "notes.txt").write_text("not an image")
    Image.new("L", (16, 16), 77).save(colour_folder / "test" / "red" / "zz.png")
    _, test = read_dataset(str(colour_folder))
    assert len(test) == 31
    assert test.fetch(torch.tensor([len(test) - 1]))[0].unique().tolist() == [77]


def test_size_scales_the_short_side_and_cuts_the_middle(colour_folder: Path) -> None:
    wide = Image.new("RGB", (64, 32), (255, 0, 0))
    wide.paste((0, 0, 255), (16, 0, 48, 32))
    wide.save(colour_folder / "test" / "red" / "zz.png")
    with pytest.raises(InputError, match=r"zz\.png.*--size"):
        read_dataset(str(colour_folder))
    train, test = read_dataset(str(colour_folder), size=8)
    assert train.size == test.size == (8, 8)
    middle = test.fetch(torch.tensor([len(test) - 1]))[0][
        :, :, 1:7
    ]  # the two outermost columns see red through the scaling filter
    assert (middle.flatten(1)[2] > 250).all()


def test_a_corrupt_image_is_named_and_refused_or_skipped(colour_folder: Path) -> None:
    bad = colour_folder / "train" / "green" / "007.png"
    bad.write_bytes(bad.read_bytes()[:60])
    with pytest.raises(InputError, match=r"green.007\.png: not a readable image"):
        read_dataset(str(colour_folder))
    warnings: list[str] = []
    train, _ = read_dataset(str(colour_folder), skip_corrupt=True, warn=warnings.append)
    assert len(train) == 119
    assert len(warnings) == 1
    assert "007.png" in warnings[0]


def test_missing_and_empty_folders(tmp_path: Path, colour_folder: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_dataset(str(tmp_path / "none"))
    shutil.rmtree(colour_folder / "test")
    with pytest.raises(InputError, match="test: cannot read"):
        read_dataset(str(colour_folder))
    (colour_folder / "test").mkdir()
    with pytest.raises(InputError, match="no images"):
        read_dataset(str(colour_folder))


def test_classes_must_agree(colour_folder: Path) -> None:
    (colour_folder / "test" / "red").rename(colour_folder / "test" / "rouge")
    with pytest.raises(InputError, match="different classes: red, rouge"):
        read_dataset(str(colour_folder))


def test_sizes_must_agree(colour_folder: Path) -> None:
    for path in (colour_folder / "test").rglob("*.png"):
        Image.open(path).resize((12, 12)).save(path)
    with pytest.raises(InputError, match=r"\(16, 16\).*\(12, 12\)"):
        read_dataset(str(colour_folder))
