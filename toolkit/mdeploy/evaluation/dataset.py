# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Labelled pictures: a folder with one folder per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mdeploy.errors import InputError
from mdeploy.native.images import SUFFIXES

__all__ = ["LabelledPicture", "PictureSet", "read_picture_folder"]


@dataclass(frozen=True)
class LabelledPicture:
    """A picture file and its class."""

    path: Path
    label: int


@dataclass(frozen=True)
class PictureSet:
    """A test set under the name of its folder."""

    name: str
    pictures: tuple[LabelledPicture, ...]
    total: int
    """How many the folder holds; more than ``pictures`` when this is a subset."""

    @property
    def title(self) -> str:
        """Name and size; a subset says so."""
        if len(self.pictures) == self.total:
            return f"{self.name}, {self.total} pictures"
        return f"{self.name}, subset of {len(self.pictures)} of {self.total} pictures"


def read_picture_folder(root: Path, labels: Sequence[str], limit: int | None = None) -> PictureSet:
    """Find ``root/CLASS/*.png`` and the like, in name order; ``limit`` takes that many, spread evenly over all.

    Class folders are matched with ``labels`` by name. Raises ``InputError`` for a folder that is no class or that holds
    nothing.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder of pictures" if not root.exists() else f"{root}: is not a folder")
    by_name = {label: index for index, label in enumerate(labels)}
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    unknown = [path.name for path in folders if path.name not in by_name]
    if unknown or not folders:
        wanted = ", ".join(list(labels)[:5]) + (", ..." if len(labels) > 5 else "")
        found = f"{unknown[0]!r} is none" if unknown else "there are no folders"
        raise InputError(f"{root}: one folder per class of the model is expected ({wanted}); {found}")
    pictures = [
        LabelledPicture(path, by_name[folder.name])
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]
    if not pictures:
        raise InputError(f"{root}: no pictures in it")
    chosen = pictures
    if limit is not None and limit < len(pictures):
        chosen = [pictures[i * len(pictures) // limit] for i in range(limit)]
    return PictureSet(root.name, tuple(chosen), len(pictures))
