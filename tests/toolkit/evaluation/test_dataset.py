# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of labelled images."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdeploy.errors import InputError
from mdeploy.evaluation.dataset import read_image_folder

LABELS = ("cat", "dog", "ship")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "test"
    for label, count in (("ship", 4), ("cat", 8)):
        (root / label).mkdir(parents=True)
        for i in range(count):
            (root / label / f"{i}.png").touch()
    (root / "cat" / "notes.txt").touch()
    (root / ".cache").mkdir()
    return root


def test_labels_go_by_the_folders_name(folder: Path) -> None:
    found = read_image_folder(folder, LABELS)
    assert [item.label for item in found.images] == [0] * 8 + [2] * 4
    assert found.title == "test, 12 images"


def test_a_subset_is_spread_over_all_and_says_so(folder: Path) -> None:
    found = read_image_folder(folder, LABELS, limit=3)
    assert [item.label for item in found.images] == [0, 0, 2]
    assert found.title == "test, subset of 3 of 12 images"
    assert read_image_folder(folder, LABELS, limit=100).title == "test, 12 images"


def test_refusals(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_image_folder(tmp_path / "none", LABELS)
    with pytest.raises(InputError, match="'ship' is none"):
        read_image_folder(folder, ("cat", "dog"))
    with pytest.raises(InputError, match="there are no folders"):
        read_image_folder(folder / "cat", LABELS)
    (tmp_path / "empty" / "dog").mkdir(parents=True)
    with pytest.raises(InputError, match="no images"):
        read_image_folder(tmp_path / "empty", LABELS)
