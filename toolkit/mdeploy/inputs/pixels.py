# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Between pixels of 0 to 255 and a model's input, without resizing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mdeploy.formats.manifest import InputSpec
from mdeploy.tensors import Array, Doubles, Shape

__all__ = ["PixelRange", "from_pixels", "plane_shape"]


@dataclass(frozen=True)
class PixelRange:
    """Mean and deviation of the model's images, on the scale of 0 to 1, shaped so that they broadcast to the input."""

    mean: Doubles
    std: Doubles

    @classmethod
    def of(cls, spec: InputSpec) -> PixelRange | None:
        """Of an image input of floats; None for other inputs."""
        if spec.layout is None or spec.dtype != "float32":
            return None
        shape = (1, -1, 1, 1) if spec.layout == "NCHW" else (1, 1, 1, -1)
        if spec.mean is None or spec.std is None:
            return cls(np.zeros((1, 1, 1, 1)), np.ones((1, 1, 1, 1)))
        return cls(np.reshape(np.array(spec.mean), shape), np.reshape(np.array(spec.std), shape))

    def natural(self) -> tuple[Doubles, Doubles]:
        """Level and contrast, from 0 to 1, of what the model was trained on: its own, where they can be those of
        images."""
        level, contrast = np.clip(self.mean, 0.2, 0.8), np.clip(self.std, 0.1, 0.35)
        return (level, contrast) if (self.mean > 0).any() else (np.full_like(level, 0.45), np.full_like(contrast, 0.25))


def from_pixels(pixels: Array, spec: InputSpec) -> Array:
    """Pixels of 0 to 255, in the input's own layout, as the model's input."""
    images = PixelRange.of(spec)
    if images is None:
        return pixels.astype(spec.dtype)
    made: Array = ((pixels.astype(np.float64) / 255.0 - images.mean) / images.std).astype(np.float32)
    return made


def plane_shape(spec: InputSpec) -> Shape:
    """Batch, height, width and channels of an image input."""
    batch, *rest = spec.shape
    return (batch, *rest) if spec.layout == "NHWC" else (batch, rest[1], rest[2], rest[0])
