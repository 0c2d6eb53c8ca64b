# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The two ways in which labelled images are held: decoded in memory, or as files that are decoded when needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from mdeploy.errors import InputError

__all__ = ["ImageFiles", "Images", "Source", "decode"]


class Source(Protocol):
    """Labelled images of one size."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by label."""

    @property
    def labels(self) -> Tensor:
        """(N,) int64."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels of what ``fetch`` gives."""

    @property
    def in_memory(self) -> bool:
        """Whether ``fetch`` costs next to nothing."""

    def __len__(self) -> int: ...

    def fetch(self, indices: Tensor, crops: Tensor | None = None) -> Tensor:
        """Return these images, (n, 3, H, W) uint8 RGB.

        Args:
            crops: (n, 4) shares of 1 per image: left, top, width and height of the part to scale to the full size.
                None takes the middle at the usual scale.
        """


@dataclass(frozen=True)
class Images:
    """Decoded images in memory."""

    pixels: Tensor
    """(N, 3, H, W) uint8, RGB, on any device; batches are then made there."""
    labels: Tensor
    classes: tuple[str, ...]
    in_memory: bool = True

    def to(self, device: torch.device) -> Images:
        """Return the same images with their pixels on ``device``; labels stay where the batches are chosen."""
        return dataclasses.replace(self, pixels=self.pixels.to(device))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[2], self.pixels.shape[3]

    def fetch(self, indices: Tensor, crops: Tensor | None = None) -> Tensor:
        chosen = self.pixels[indices.to(self.pixels.device, non_blocking=True)]
        if crops is None:
            return chosen
        height, width = self.size
        images = (
            _crop(Image.fromarray(image), part, (width, height))
            for image, part in zip(chosen.permute(0, 2, 3, 1).cpu().numpy(), crops.tolist(), strict=True)
        )
        return _stacked(list(images)).to(self.pixels.device)


@dataclass(frozen=True)
class ImageFiles:
    """Images that stay on disk, for data sets larger than memory. Threads decode them."""

    paths: Sequence[Path]
    labels: Tensor
    classes: tuple[str, ...]
    side: int
    """Height and width of what ``fetch`` gives."""
    in_memory: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> tuple[int, int]:
        return self.side, self.side

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor()

    def fetch(self, indices: Tensor, crops: Tensor | None = None) -> Tensor:
        parts: list[list[float] | None] = [None] * len(indices) if crops is None else crops.tolist()
        paths = [self.paths[index] for index in indices.tolist()]
        return _stacked(list(self._pool.map(self._read, paths, parts)))

    def _read(self, path: Path, part: list[float] | None) -> NDArray[np.uint8]:
        if part is None:
            return decode(path, self.side)
        return _crop(_opened(path), part, (self.side, self.side))


def decode(path: Path, size: int | None) -> NDArray[np.uint8]:
    """Return the image as (H, W, 3) uint8 RGB, its shorter side scaled to ``size`` and its middle cut out.

    Raises ``InputError`` naming the file.
    """
    image = _opened(path)
    if size is not None and image.size != (size, size):
        scale = size / min(image.size)
        width, height = (max(size, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.crop((left, top, left + size, top + size))
    return np.asarray(image)


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as opened:
            image: Image.Image = opened.convert("RGB")
            return image
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        raise InputError(f"{path}: not a readable image: {error}") from error


def _crop(image: Image.Image, part: Sequence[float], size: tuple[int, int]) -> NDArray[np.uint8]:
    left, top, width, height = part
    box = (
        left * image.width,
        top * image.height,
        min(left + width, 1.0) * image.width,
        min(top + height, 1.0) * image.height,
    )
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=box))


def _stacked(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
