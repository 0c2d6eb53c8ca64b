# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A small data set whose classes a small net learns within seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES = ("blue", "green", "red")


def write_images(folder: Path, per_class: int, seed: int, size: tuple[int, int] = (16, 16)) -> None:
    """Noise images in which one channel is brighter: the class."""
    chooser = np.random.default_rng(seed)
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            pixels = chooser.integers(0, 160, (size[1], size[0], 3))
            pixels[..., 2 - label] += 60
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number:03}.png")


@pytest.fixture
def colour_folder(tmp_path: Path) -> Path:
    root = tmp_path / "colours"
    write_images(root / "train", 40, seed=0)
    write_images(root / "test", 10, seed=1)
    return root
