# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reading labelled pictures: a folder ``{train,test}/CLASS/PICTURE``, or torchvision's CIFAR-10 and CIFAR-100."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from mdeploy.errors import InputError, UnavailableError, UsageError

__all__ = ["Pictures", "read_dataset"]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm"}


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size with their labels."""

    pixels: Tensor
    """(N, 3, H, W) uint8, RGB."""
    labels: Tensor
    """(N,) int64, indices into ``classes``."""
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[2], self.pixels.shape[3]


def read_dataset(
    name: str,
    *,
    root: Path = Path("data"),
    size: int | None = None,
    skip_corrupt: bool = False,
    warn: Callable[[str], None] = lambda _: None,
) -> tuple[Pictures, Pictures]:
    """Return the training and the test pictures of ``cifar10``, ``cifar100`` or a folder with train/ and test/.

    Args:
        root: where torchvision keeps (and first downloads) CIFAR.
        size: scale the shorter side of each picture to this and cut out the middle; None takes them as they are.
        skip_corrupt: leave out a picture that cannot be decoded, and name it through ``warn``, instead of refusing.

    Raises:
        InputError: the folder or a picture is missing or unreadable, the classes differ, or the sizes do.
        UnavailableError: torchvision is needed and not installed, or the download failed.
    """
    if name in ("cifar10", "cifar100"):
        return _read_torchvision(name, root, train=True), _read_torchvision(name, root, train=False)
    folder = Path(name)
    if not folder.is_dir():
        raise InputError(f"{name}: no such folder (--data takes cifar10, cifar100, or a folder with train/ and test/)")
    train = _read_folder(folder / "train", size, skip_corrupt, warn)
    test = _read_folder(folder / "test", size, skip_corrupt, warn)
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise InputError(f"{name}: train/ and test/ have different classes: {', '.join(odd[:5])}")
    if train.size != test.size:
        raise InputError(
            f"{name}: train/ has pictures of {train.size}, test/ of {test.size}; --size N makes them equal"
        )
    return train, test


def _read_folder(folder: Path, size: int | None, skip_corrupt: bool, warn: Callable[[str], None]) -> Pictures:
    try:
        classes = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
        paths = [
            (path, label)
            for label, name in enumerate(classes)
            for path in sorted((folder / name).iterdir())
            if path.suffix.lower() in _SUFFIXES
        ]
    except OSError as error:
        raise InputError(f"{folder}: cannot read the folder: {error.strerror}") from error
    if not paths:
        raise InputError(f"{folder}: no pictures; expected CLASS/PICTURE with one of {', '.join(sorted(_SUFFIXES))}")

    def read(item: tuple[Path, int]) -> NDArray[np.uint8] | InputError:
        try:
            return _decode(item[0], size)
        except InputError as error:
            return error

    with ThreadPoolExecutor() as pool:
        decoded = list(pool.map(read, paths, chunksize=256))
    pixels: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for (path, label), picture in zip(paths, decoded, strict=True):
        if isinstance(picture, InputError):
            if not skip_corrupt:
                raise picture
            warn(f"skipped: {picture}")
            continue
        if pixels and picture.shape != pixels[0].shape:
            raise InputError(f"{path}: {picture.shape[:2]} pixels, others have {pixels[0].shape[:2]}; give --size N")
        pixels.append(picture)
        labels.append(label)
    if not pixels:
        raise InputError(f"{folder}: none of its pictures can be decoded")
    stacked = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()
    return Pictures(stacked, torch.tensor(labels), classes)


def _decode(path: Path, size: int | None) -> NDArray[np.uint8]:
    """Return the picture as (H, W, 3) uint8 RGB."""
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        raise InputError(f"{path}: not a readable picture: {error}") from error
    if size is not None and picture.size != (size, size):
        scale = size / min(picture.size)
        width, height = (max(size, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        left, top = (width - size) // 2, (height - size) // 2
        picture = picture.crop((left, top, left + size, top + size))
    return np.asarray(picture)


def _read_torchvision(name: str, root: Path, *, train: bool) -> Pictures:
    try:
        from torchvision.datasets import CIFAR10, CIFAR100
    except ImportError as error:
        raise UnavailableError(f"--data {name} needs torchvision: pip install 'mdeploy[train]'") from error
    try:
        dataset = (CIFAR100 if name == "cifar100" else CIFAR10)(root, train=train, download=True)
    except (OSError, RuntimeError) as error:
        raise UnavailableError(f"{name}: torchvision could not get the data into {root}: {error}") from error
    pixels = torch.from_numpy(np.ascontiguousarray(dataset.data)).permute(0, 3, 1, 2).contiguous()
    if len(dataset.targets) != len(pixels):
        raise UsageError(f"{name}: the files in {root} are damaged; delete them and run again")
    return Pictures(pixels, torch.tensor(dataset.targets), tuple(dataset.classes))
