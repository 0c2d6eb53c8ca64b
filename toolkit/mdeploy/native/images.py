# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""From an image file to the input of a net: decoding here, everything after it by the runtime's own code.

The phone prepares images with the same C++ function, so an image gives the same input everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mdeploy.errors import InputError, UsageError, first_line
from mdeploy.files import check_readable
from mdeploy.formats.manifest import InputSpec
from mdeploy.tensors import Array

__all__ = ["SUFFIXES", "find_images", "image_input", "read_rgba"]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".pgm", ".gif", ".tif", ".tiff"})

_MAX_PIXELS = 200_000_000


def read_rgba(path: Path) -> npt.NDArray[np.uint8]:
    """Decode an image: uint8, (height, width, 4). The camera's orientation is applied.

    Raises ``InputError`` where there is none, or it is damaged or too large.
    """
    from PIL import Image, ImageOps

    if not path.exists():
        raise InputError(f"{path}: no such image")
    check_readable(path)
    try:
        with Image.open(path) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise InputError(f"{path}: {image.width}x{image.height} pixels are too many")
            rgba = np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))
    except InputError:
        raise
    except Exception as error:  # decoders raise anything on damaged files
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(f"{path}: cannot read the image: {reason or first_line(error)}") from error
    return np.ascontiguousarray(rgba)


def image_input(path: Path, spec: InputSpec) -> Array:
    """Return the input tensor for an image: ``spec.shape``, float32.

    Raises ``InputError`` for a bad image, or when it cannot become that shape.
    """
    from mdeploy import native

    if spec.layout is None or spec.color_order is None:
        raise UsageError(f"input {spec.name} is not an image (the manifest gives it no layout and colour order)")
    try:
        return native.preprocess(read_rgba(path), spec)
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path}: {error}") from error


def find_images(paths: Sequence[Path]) -> list[Path]:
    """Return the image files among ``paths``; folders are searched, in name order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise InputError(f"{path}: no images in it")
            found.extend(inside)
        else:
            found.append(path)
    return found
