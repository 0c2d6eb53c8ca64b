# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""From an image file to the input of a net: decoding here, everything after it by the runtime's own code.

The phone prepares images with the same C++ function, so an image gives the same input everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mdeploy.errors import InputError, UsageError, first_line
from mdeploy.files import check_readable
from mdeploy.formats.manifest import InputSpec
from mdeploy.tensors import Array

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["SUFFIXES", "find_images", "image_input", "read_rgba"]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".pgm", ".gif", ".tif", ".tiff"})

_MAX_PIXELS = 200_000_000


def read_rgba(path: Path, upright: bool = True) -> npt.NDArray[np.uint8]:
    """Decode an image, of an animated one the first: uint8, (height, width, 4).

    16 bits a channel become their upper 8. ``upright`` turns it as the camera was held.

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
            turned = ImageOps.exif_transpose(image) if upright else image
            rgba = np.asarray(_eight_bits(turned).convert("RGBA"))
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path}: {error}") from error
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
        rgba = read_rgba(path, spec.preprocessing is None or spec.preprocessing.orientation == "exif")
        _refuse_other_size(rgba, spec)
        return native.preprocess(rgba, spec)
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path}: {error}") from error


def _eight_bits(image: Image) -> Image:
    """Grey of more bits in 8: Pillow would clip it to white. Colour it reads in 8 bits itself, the upper ones."""
    from PIL.Image import fromarray

    if not image.mode.startswith("I"):
        if image.mode == "F":
            raise InputError("its pixels are floating-point numbers, which have no range; save it in 8 or 16 bits")
        return image
    values = np.asarray(image)
    if values.min(initial=0) < 0 or values.max(initial=0) > 0xFFFF:
        raise InputError("its pixels have more than 16 bits; save it in 8 or 16 bits")
    return fromarray((values >> 8).astype(np.uint8))


def _refuse_other_size(rgba: npt.NDArray[np.uint8], spec: InputSpec) -> None:
    """An image of another size needs a resize, and nothing but the user knows which."""
    how, size = spec.preprocessing, spec.image_size
    cut = spec.crop if how is None else how.crop
    resizes = spec.resize is not None if how is None else how.resizes
    if resizes or cut is not None or size is None or rgba.shape[:2] == size:
        return
    height, width = size
    raise InputError(
        f"an image of {rgba.shape[1]}x{rgba.shape[0]} pixels, but {spec.name} takes {width}x{height} and the artifact "
        f"names no resize; give it what the model was trained with: mdeploy preprocess ARTIFACT "
        f"--resize {round(min(size) * 256 / 224)} --crop {height}x{width}, or --resize {height}x{width}, --letterbox, "
        "or --preset imagenet (the same flags as convert)"
    )


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
