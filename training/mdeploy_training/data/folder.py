# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Finding labelled images: a folder ``{train,test}/CLASS/IMAGE``, or torchvision's CIFAR-10 and CIFAR-100."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mdeploy.errors import InputError, UnavailableError
from mdeploy.packages import installed
from mdeploy.progress import Tell, quiet
from mdeploy_training.data.source import ImageFiles, Images, Source, decode

__all__ = ["read_dataset"]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm"}
_MEMORY_BYTES = 2 << 30  # decoded; larger data sets stay on disk
_TEST_NAMES = ("test", "val")


@dataclass(frozen=True)
class _Reading:
    size: int | None
    skip_corrupt: bool
    warn: Tell


def read_dataset(
    name: str,
    *,
    root: Path = Path("data"),
    size: int | None = None,
    skip_corrupt: bool = False,
    warn: Tell = quiet,
) -> tuple[Source, Source]:
    """Return the training and the test images of ``cifar10``, ``cifar100`` or a folder.

    The folder holds train/CLASS/ and test/CLASS/ (or val/CLASS/). What takes more than 2 GiB decoded is read from disk
    again and again.

    Args:
        root: where torchvision keeps (and first downloads) CIFAR.
        size: scale the shorter side of each image to this and cut out the middle; None takes them as they are.
        skip_corrupt: leave out an image that cannot be decoded, and name it through ``warn``, instead of refusing.

    Raises:
        InputError: the folder or an image is missing or unreadable, the classes differ, or the sizes do.
        UnavailableError: torchvision is needed and not installed, or the download failed.
    """
    if name in ("cifar10", "cifar100"):
        return _read_torchvision(name, root, train=True), _read_torchvision(name, root, train=False)
    folder = Path(name)
    if not folder.is_dir():
        raise InputError(f"{name}: no such folder (--data takes cifar10, cifar100, or a folder with train/ and test/)")
    reading = _Reading(size, skip_corrupt, warn)
    test_name = next((entry for entry in _TEST_NAMES if (folder / entry).is_dir()), "test")
    train, test = _read_folder(folder / "train", reading), _read_folder(folder / test_name, reading)
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise InputError(f"{name}: train/ and {test_name}/ have different classes: {', '.join(odd[:5])}")
    if train.size != test.size:
        raise InputError(
            f"{name}: train/ has images of {train.size}, {test_name}/ of {test.size}; --size N makes them equal"
        )
    return train, test


def _read_folder(folder: Path, reading: _Reading) -> Source:
    try:
        classes = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
        found = [
            (path, label)
            for label, name in enumerate(classes)
            for path in sorted((folder / name).iterdir())
            if path.suffix.lower() in _SUFFIXES
        ]
    except OSError as error:
        raise InputError(f"{folder}: cannot read the folder: {error.strerror}") from error
    if not found:
        raise InputError(f"{folder}: no images; expected CLASS/IMAGE with one of {', '.join(sorted(_SUFFIXES))}")
    keep = reading.size is None or len(found) * 3 * reading.size**2 <= _MEMORY_BYTES
    paths: list[Path] = []
    labels: list[int] = []
    pixels: list[NDArray[np.uint8]] = []
    for (path, label), image in zip(found, _decoded([path for path, _ in found], reading.size, keep), strict=True):
        if isinstance(image, InputError):
            if not reading.skip_corrupt:
                raise image
            reading.warn(f"skipped: {image}")
            continue
        if pixels and image.shape != pixels[0].shape:
            raise InputError(f"{path}: {image.shape[:2]} pixels, others have {pixels[0].shape[:2]}; give --size N")
        paths.append(path)
        labels.append(label)
        if keep:
            pixels.append(image)
    if not labels:
        raise InputError(f"{folder}: none of its images can be decoded")
    if reading.size is not None and not keep:
        return ImageFiles(paths, torch.tensor(labels), classes, reading.size)
    stacked = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()
    return Images(stacked, torch.tensor(labels), classes)


def _decoded(paths: list[Path], size: int | None, keep: bool) -> list[NDArray[np.uint8] | InputError]:
    """Decode every image, also of a data set that stays on disk: a corrupt one shows now, not hours later."""
    nothing = np.empty(0, np.uint8)

    def read(path: Path) -> NDArray[np.uint8] | InputError:
        try:
            image = decode(path, size)
        except InputError as error:
            return error
        return image if keep else nothing

    with ThreadPoolExecutor() as pool:
        return list(pool.map(read, paths))


def _read_torchvision(name: str, root: Path, *, train: bool) -> Images:
    with installed():
        from torchvision.datasets import CIFAR10, CIFAR100
    try:
        dataset = (CIFAR100 if name == "cifar100" else CIFAR10)(root, train=train, download=True)
    except (OSError, RuntimeError) as error:
        raise UnavailableError(f"{name}: torchvision could not get the data into {root}: {error}") from error
    pixels = torch.from_numpy(np.ascontiguousarray(dataset.data)).permute(0, 3, 1, 2).contiguous()
    return Images(pixels, torch.tensor(dataset.targets), tuple(dataset.classes))
