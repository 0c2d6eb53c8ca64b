# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Where in a tensor two backends differ, made small enough to keep and to draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mdeploy.tensors import Array, tensor_scale

__all__ = ["BINS", "DifferenceMap", "difference_map"]

BINS = 256
_LARGEST_SIDE = 256

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DifferenceMap:
    """|a - b| over max(1, largest |reference|); NaN where a NaN or an infinity stands on one side only."""

    profile: Floats
    """The largest by position in C order, ``BINS`` of them."""
    image: Floats
    """Two axes: height and width of an image-like tensor (the largest over all else), else rows of a flat one."""


def difference_map(reference: Array, actual: Array) -> DifferenceMap | None:
    """Return the map, or None where shapes differ or there is nothing."""
    if reference.shape != actual.shape or not reference.size:
        return None
    a, b = np.asarray(reference, np.float64), np.asarray(actual, np.float64)
    finite = np.isfinite(a) & np.isfinite(b)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(a - b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    values = np.where(finite, difference / tensor_scale(a), np.where(same, 0.0, np.nan))
    return DifferenceMap(_binned(values.ravel(), BINS, 0), _image(values))


def _image(values: npt.NDArray[np.float64]) -> Floats:
    if values.ndim >= 3 and min(values.shape[-2:]) > 1:
        flat = values.reshape(-1, *values.shape[-2:])
        with np.errstate(invalid="ignore"):
            drawn = flat.max(axis=0)  # a NaN stays one
    else:
        width = values.size if values.size <= _LARGEST_SIDE else int(np.ceil(values.size**0.5))
        padded = np.zeros(-(-values.size // width) * width)
        padded[: values.size] = values.ravel()
        drawn = padded.reshape(-1, width)
    for axis in (0, 1):
        if drawn.shape[axis] > _LARGEST_SIDE:
            drawn = _binned(drawn, _LARGEST_SIDE, axis)
    image: Floats = drawn.astype(np.float32)
    return image


def _binned(values: npt.NDArray[np.float64], bins: int, axis: int) -> Floats:
    """The largest of each of ``bins`` equal parts of an axis; a shorter axis is stretched."""
    count = values.shape[axis]
    starts = np.arange(bins) * count // bins
    if count < bins:
        small: Floats = np.take(values, starts, axis).astype(np.float32)
        return small
    large: Floats = np.maximum.reduceat(values, starts, axis).astype(np.float32)
    return large
