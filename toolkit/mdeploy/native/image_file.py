# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Image files as people have them, decoded by Pillow and given in bands of RGBA rows.

Beside the decoded image only one band lies in memory: its colours are converted, and it is turned as the camera was
held, when it is asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from mdeploy.errors import InputError, MdeployError, UnavailableError, first_line
from mdeploy.files import check_readable, reading

__all__ = ["ImageRows", "open_image"]

_MAX_PIXELS = 200_000_000
_ORIENTATION = 0x0112  # of EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
_FROM_THE_END = (3, 4, 7, 8)  # where the first rows of the turned image are the last rows or columns of the stored one
_CONTAINERS = {
    b"heic": ("HEIC", "pillow-heif"), b"heix": ("HEIC", "pillow-heif"), b"hevc": ("HEIC", "pillow-heif"),
    b"heim": ("HEIC", "pillow-heif"), b"heis": ("HEIC", "pillow-heif"), b"mif1": ("HEIC", "pillow-heif"),
    b"msf1": ("HEIC", "pillow-heif"), b"avif": ("AVIF", "pillow>=11.3"), b"avis": ("AVIF", "pillow>=11.3"),
}  # fmt: skip


class ImageRows:
    """A decoded image, turned upright or not."""

    def __init__(self, image: Image.Image, orientation: int) -> None:
        self._image = image
        self._orientation = orientation
        self.width, self.height = image.size[::-1] if orientation in _SIDEWAYS else image.size

    def read(self, first: int, count: int) -> bytes:
        """``count`` rows from ``first`` on, 4 * width bytes each."""
        data: bytes = self._band(first, count).tobytes()
        return data

    def whole(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """All rows: (height, width, 4)."""
        return np.ascontiguousarray(self._band(0, self.height))

    def _band(self, first: int, count: int) -> Image.Image:
        stored_width, stored_height = self._image.size
        if self._orientation in _FROM_THE_END:
            first = self.height - first - count
        if self._orientation in _SIDEWAYS:
            box = (first, 0, first + count, stored_height)
        else:
            box = (0, first, stored_width, first + count)
        turn = _TURNS.get(self._orientation)
        with _without_warnings():
            band = _eight_bits(self._image.crop(box))
            return (band if turn is None else band.transpose(turn)).convert("RGBA")


@contextmanager
def open_image(path: Path, upright: bool = True) -> Iterator[ImageRows]:
    """Decode an image file, of an animation or of several pages the first image.

    16 bits a channel become their upper 8. ``upright`` turns it as the camera was held.

    Raises ``InputError`` where there is none, or it is damaged, cut off, too large or of a kind that has no range, and
    ``UnavailableError`` where its format needs a decoder that is not installed.
    """
    if not path.exists():
        raise InputError(f"{path}: no such image")
    check_readable(path)
    try:
        image = _decoded(path)
        try:
            with _without_warnings():
                orientation = _orientation(image) if upright else 1
            yield ImageRows(image, orientation)
        finally:
            image.close()
    except MdeployError as error:
        raise error if str(path) in str(error) else type(error)(f"{path}: {error}") from error


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Pillow warns of large images, which are bounded here, of odd metadata and of palettes with alpha."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _decoded(path: Path) -> Image.Image:
    try:
        with _without_warnings():
            image = _opened(path)
            if image.width * image.height > _MAX_PIXELS:
                raise InputError(f"{image.width}x{image.height} pixels are too many")
            image.load()
            _refuse_without_range(image)
            return image
    except MdeployError:
        raise
    except Exception as error:  # decoders raise anything on damaged files
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(f"{path}: cannot read the image: {reason or first_line(error)}") from error


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        with reading(path) as file:
            head = file.read(12)
        name, package = _CONTAINERS.get(head[8:12], ("", "")) if head[4:8] == b"ftyp" else ("", "")
        if not name or f".{name.lower()}" in Image.registered_extensions():
            raise
        if name == "HEIC" and _register_heif():
            return Image.open(path)
        raise UnavailableError(
            f"an image in {name}, for which no decoder is installed; get one with: pip install '{package}', or save "
            "it as JPEG or PNG"
        ) from None


def _register_heif() -> bool:
    try:
        from pillow_heif import register_heif_opener  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return False
    register_heif_opener()
    return True


def _orientation(image: Image.Image) -> int:
    """How the camera was held; 1, upright, where the metadata does not say or is damaged."""
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # the image is there all the same
        return 1
    return found if found in _TURNS else 1


def _refuse_without_range(image: Image.Image) -> None:
    if image.mode == "F":
        raise InputError("its pixels are floating-point numbers, which have no range; save it in 8 or 16 bits")
    if image.mode.startswith("I"):
        low, high = image.getextrema()
        if low < 0 or high > 0xFFFF:  # type: ignore[operator]
            raise InputError("its pixels have more than 16 bits; save it in 8 or 16 bits")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of more bits in 8: Pillow would clip it to white. Colour it reads in 8 bits itself, the upper ones."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
