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

from mdeploy.errors import InputError, UsageError
from mdeploy.formats.manifest import InputSpec
from mdeploy.tensors import Array

__all__ = ["SUFFIXES", "find_images", "image_input", "read_rgba"]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".pgm", ".gif", ".tif", ".tiff"}) | {
    ".heic",
    ".heif",
    ".avif",
}


def read_rgba(path: Path, upright: bool = True) -> npt.NDArray[np.uint8]:
    """Decode an image, of an animated one the first: uint8, (height, width, 4).

    16 bits a channel become their upper 8. ``upright`` turns it as the camera was held.

    Raises as ``open_image`` does.
    """
    from mdeploy.native.image_file import open_image  # Pillow, which most callers do without

    with open_image(path, upright) as image:
        return image.whole()


def image_input(path: Path, spec: InputSpec) -> Array:
    """Return the input tensor for an image: ``spec.shape``, float32.

    Raises ``InputError`` for a bad image, or when it cannot become that shape.
    """
    from mdeploy import native

    if spec.layout is None or spec.color_order is None:
        raise UsageError(f"input {spec.name} is not an image (the manifest gives it no layout and colour order)")
    from mdeploy.native.image_file import open_image

    how = spec.preprocessing
    with open_image(path, how is None or how.orientation == "exif") as image:
        _refuse_other_size(image.height, image.width, spec)
        if how is None:  # the arithmetic of older artifacts wants the whole image
            return native.preprocess(image.whole(), spec)
        return native.preprocess_rows(image.read, image.height, image.width, spec)


def _refuse_other_size(rows: int, columns: int, spec: InputSpec) -> None:
    """An image of another size needs a resize, and nothing but the user knows which."""
    how, size = spec.preprocessing, spec.image_size
    cut = spec.crop if how is None else how.crop
    resizes = spec.resize is not None if how is None else how.resizes
    if resizes or cut is not None or size is None or (rows, columns) == size:
        return
    height, width = size
    raise InputError(
        f"an image of {columns}x{rows} pixels, but {spec.name} takes {width}x{height} and the artifact "
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
