# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Labelled images: a folder with one folder per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mdeploy.errors import InputError
from mdeploy.native.images import SUFFIXES

__all__ = ["ImageSet", "LabelledImage", "read_image_folder"]


@dataclass(frozen=True)
class LabelledImage:
    """An image file and its class."""

    path: Path
    label: int


@dataclass(frozen=True)
class ImageSet:
    """A test set under the name of its folder."""

    name: str
    images: tuple[LabelledImage, ...]
    total: int
    """How many the folder holds; more than ``images`` when this is a subset."""

    @property
    def title(self) -> str:
        """Name and size; a subset says so."""
        if len(self.images) == self.total:
            return f"{self.name}, {self.total} images"
        return f"{self.name}, subset of {len(self.images)} of {self.total} images"


def read_image_folder(root: Path, labels: Sequence[str], limit: int | None = None) -> ImageSet:
    """Find ``root/CLASS/*.png`` and the like, in name order; ``limit`` takes that many, spread evenly over all.

    Class folders are matched with ``labels`` by name. Raises ``InputError`` for a folder that is no class or that holds
    nothing.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder of images" if not root.exists() else f"{root}: is not a folder")
    by_name = {label: index for index, label in enumerate(labels)}
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    unknown = [path.name for path in folders if path.name not in by_name]
    if unknown or not folders:
        wanted = ", ".join(list(labels)[:5]) + (", ..." if len(labels) > 5 else "")
        found = f"{unknown[0]!r} is none" if unknown else "there are no folders"
        raise InputError(f"{root}: one folder per class of the model is expected ({wanted}); {found}")
    images = [
        LabelledImage(path, by_name[folder.name])
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]
    if not images:
        raise InputError(f"{root}: no images in it")
    chosen = images
    if limit is not None and limit < len(images):
        chosen = [images[i * len(images) // limit] for i in range(limit)]
    return ImageSet(root.name, tuple(chosen), len(images))
