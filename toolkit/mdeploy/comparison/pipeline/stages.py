# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What our own preprocessing has after each stage, by the runtime's code with the later stages left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mdeploy import native
from mdeploy.errors import CheckFailed
from mdeploy.formats.manifest import InputSpec, Resize
from mdeploy.formats.preprocessing import Preprocessing
from mdeploy.native.images import image_input, read_rgba
from mdeploy.tensors import Array, Doubles

__all__ = ["IMAGE_STAGES", "STAGES", "Stages", "our_stages", "our_stages_of"]

IMAGE_STAGES = ("decode", "orientation", "colour", "resize", "crop")
"""Their arrays are (height, width, channels) on the scale 0 to 255."""
STAGES = (*IMAGE_STAGES, "scale", "normalise")
"""The last two are (height, width, channels) as the model takes them."""

Stages = dict[str, Doubles]


def our_stages(path: Path, spec: InputSpec) -> tuple[Stages, Array]:
    """The stages of an image file, and the tensor. Raises ``InputError`` for a bad image."""
    stored = read_rgba(path, upright=False)
    how = spec.preprocessing
    upright = read_rgba(path) if how is None or how.orientation == "exif" else stored
    tensor = image_input(path, spec)  # as predict and the app have it, from bands of rows
    later, whole = our_stages_of(upright, spec)
    if not np.array_equal(tensor, whole):
        raise CheckFailed(f"{path}: read in bands it gives another tensor than as a whole, please report this")
    first = {"decode": _pixels(stored), "orientation": _pixels(upright)}
    return first | later, tensor


def our_stages_of(rgba: npt.NDArray[np.uint8], spec: InputSpec) -> tuple[Stages, Array]:
    """The stages from colour on of an upright image, (height, width, 4), and the tensor."""
    tensor = native.preprocess(rgba, spec)
    size = resized_size(rgba.shape[:2], spec)
    plain = _plain(spec)
    stages = {
        "colour": _run(rgba, _cut(plain, None, None), rgba.shape[:2]),
        "resize": _run(rgba, _cut(plain, size, None), size),
        "crop": _run(rgba, plain, spec.image_size or size),
        "scale": _run(rgba, _scaled(spec), spec.image_size or size),
        "normalise": np.asarray(tensor[0] if spec.layout == "NHWC" else np.moveaxis(tensor[0], 0, -1), np.float64),
    }
    return stages, tensor


def resized_size(size: tuple[int, ...], spec: InputSpec) -> tuple[int, int]:
    """Height and width of an image of ``size`` after the resize, as ``geometry.cc`` has them."""
    height, width = size
    how, old = spec.preprocessing, spec.resize
    fixed = how.size if how else old.size if old else None
    side = how.short_side if how else old.short_side if old else None
    if fixed is not None:
        return fixed
    if side is not None:
        return (side * height // width, side) if width <= height else (side, side * width // height)
    if how is not None and how.letterbox is not None:
        shrink = max(height / how.letterbox[0], width / how.letterbox[1])
        return max(1, round(height / shrink)), max(1, round(width / shrink))
    return height, width


def _plain(spec: InputSpec) -> InputSpec:
    """The same input with values of 0 to 255."""
    zeros, ones = (0.0,) * spec.channels, (1.0,) * spec.channels
    if spec.preprocessing is not None:
        how = replace(spec.preprocessing, scale="0-255")
        return replace(spec, mean=None, std=None, preprocessing=how)
    return replace(spec, mean=zeros, std=tuple(value / 255 for value in ones))


def _scaled(spec: InputSpec) -> InputSpec:
    """Without mean and std, unless they are the scale's own."""
    own = spec.preprocessing is not None and spec.preprocessing.scale != "0-1"
    return spec if own else replace(spec, mean=None, std=None)


def _cut(spec: InputSpec, size: tuple[int, int] | None, crop: tuple[int, int] | None) -> InputSpec:
    """The same with this resize and crop alone."""
    how = spec.preprocessing
    if how is None:
        old = spec.resize
        resize = None if size is None else Resize(old.mode if old else "bilinear", None, size)
        return replace(spec, resize=resize, crop=crop)
    plain: Preprocessing = replace(how, short_side=None, letterbox=None, size=size, crop=crop)
    return replace(spec, preprocessing=plain)


def _run(rgba: npt.NDArray[np.uint8], spec: InputSpec, size: tuple[int, ...]) -> Doubles:
    """(height, width, channels), whatever the net's layout."""
    shape = (1, *size, spec.channels)
    return np.asarray(native.preprocess(rgba, replace(spec, shape=shape, layout="NHWC"))[0], np.float64)


def _pixels(rgba: npt.NDArray[np.uint8]) -> Doubles:
    return np.asarray(rgba[..., :3], np.float64)
