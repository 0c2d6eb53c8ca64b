# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a model brings along beside its weights: how its library makes an image its input, and names of its classes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mdeploy.formats.manifest import InputSpec
from mdeploy.formats.preprocessing import Preprocessing

__all__ = ["Brought", "ImageTransform"]


@dataclass(frozen=True)
class ImageTransform:
    """A transform of images in the words of the manifest."""

    size: tuple[int, int]
    """Height and width of what comes out."""
    preprocessing: Preprocessing
    mean: tuple[float, ...]
    std: tuple[float, ...]
    color_order: str = "rgb"

    def input(self, name: str = "input") -> InputSpec:
        """The input that it makes: one image, channels first."""
        return self.on(InputSpec(name, (1, len(self.mean), *self.size), "float32", "NCHW"))

    def on(self, spec: InputSpec) -> InputSpec:
        """The same input, filled by this transform. It must be an image of this size and as many channels."""
        order = "gray" if len(self.mean) == 1 else self.color_order
        return replace(
            spec,
            color_order=order,
            mean=self.mean,
            std=self.std,
            resize=None,
            crop=None,
            preprocessing=self.preprocessing,
        )


@dataclass(frozen=True)
class Brought:
    """None is what nobody says."""

    origin: str = ""
    """Who says it: "torchvision's ResNet18_Weights.IMAGENET1K_V1"."""
    transform: ImageTransform | None = None
    labels: tuple[str, ...] | None = None
    unsaid: str = ""
    """Why there is no transform, where there should be one."""
