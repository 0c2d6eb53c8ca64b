# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a tensor is called here: an array of any dtype, and the description of one that has no values yet.

Needs nothing but NumPy: the processes of optional backends import it in whatever Python they run in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Doubles", "Shape", "TensorSpec", "element_scale", "tensor_scale"]

Array = npt.NDArray[Any]
"""A tensor's values; its dtype is one that the net declares."""

Doubles = npt.NDArray[np.float64]
"""Figures computed from tensors."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and dtype of a tensor. Where a list of them goes by position, names may be empty."""

    name: str
    shape: Shape
    dtype: str = "float32"

    @classmethod
    def of(cls, name: str, array: Array) -> TensorSpec:
        """The description of an array that is there."""
        return TensorSpec(name, array.shape, array.dtype.name)

    def zeros(self) -> Array:
        """A tensor of this shape and dtype, all zero."""
        return np.zeros(self.shape, self.dtype)


def element_scale(reference: Array) -> Doubles:
    """max(1, |reference|) of each element: what the tolerance rule of ``comparison/tolerance.py`` measures by."""
    return np.maximum(1.0, np.abs(np.asarray(reference, np.float64)))


def tensor_scale(reference: Array) -> float:
    """max(1, largest finite |reference|): what the scale rule measures by."""
    values = np.asarray(reference, np.float64)
    finite = np.abs(values[np.isfinite(values)])
    return max(1.0, float(finite.max())) if finite.size else 1.0
