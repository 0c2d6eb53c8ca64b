# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What happens to an image between the file and the tensor, as far as colour order, mean and std do not say it.

An input of the manifest that has none of this is prepared as artifacts always were: by ``resize`` and ``crop`` of the
input, in float32 that is never rounded. Older readers of a newer manifest find neither, and refuse images of another
size instead of preparing them otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from mdeploy.errors import InputError
from mdeploy.formats import typed

__all__ = [
    "ARITHMETICS",
    "CLIP",
    "HALF",
    "IMAGENET",
    "INTERPOLATIONS",
    "SCALES",
    "Preprocessing",
    "installed_arithmetic",
    "scale_as_mean_and_std",
]

INTERPOLATIONS = ("nearest", "box", "bilinear", "bicubic", "lanczos")
ARITHMETICS = ("pillow", "pillow-12", "tensor")
SCALES = ("0-1", "0-255", "-1-1")

# Mean and std that many models share, on the scale 0 to 1, in the order rgb.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


@dataclass(frozen=True)
class Preprocessing:
    """Sizes are (height, width) in pixels, colours (red, green, blue) in 0..255."""

    arithmetic: str = "pillow"
    """pillow: as Pillow 13 resizes an image, to the bit. pillow-12: as Pillow did before, which differs where an image
    loses much more of its height than of its width. tensor: as torchvision resizes a float tensor."""
    interpolation: str = "bilinear"
    antialias: bool = True
    """Whether the filter is widened when it shrinks."""
    short_side: int | None = None
    """The shorter side becomes this, the longer one in proportion, cut to an integer."""
    size: tuple[int, int] | None = None
    """Stretched to this."""
    letterbox: tuple[int, int] | None = None
    """Fits into this in proportion, in its middle; with ``crop``, in the middle of the crop."""
    crop: tuple[int, int] | None = None
    """From the centre; a larger one pads."""
    crop_rounding: str = "even"
    """Half a pixel of the margin: even (torchvision) or down (transformers)."""
    fill: tuple[int, int, int] = (0, 0, 0)
    """Around a letterbox, and around what is smaller than the crop."""
    background: tuple[int, int, int] | None = None
    """Under transparent pixels. None: alpha is dropped, as Pillow's convert("RGB") does."""
    scale: str = "0-1"
    """What a pixel's 0..255 becomes. Mean and std come after 0-1 only."""
    orientation: str = "exif"
    """exif: turned as the camera was held, as a gallery shows it. stored: as it lies in the file."""

    @property
    def resizes(self) -> bool:
        """Whether images of any size become one."""
        return any(value is not None for value in (self.short_side, self.size, self.letterbox))

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Preprocessing | None:
        """Of validated JSON."""
        return None if data is None else typed.from_json(cls, data)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dict(typed.to_json(self))

    def check(self, where: str) -> None:
        """What a schema cannot say. Raises ``InputError`` naming ``where``."""
        if sum(value is not None for value in (self.short_side, self.size, self.letterbox)) > 1:
            raise InputError(f"{where}: at most one of short_side, size and letterbox may be given")
        if self.arithmetic == "tensor" and self.interpolation in ("box", "lanczos"):
            raise InputError(f"{where}: tensors are not resized by {self.interpolation}")


def installed_arithmetic() -> str:
    """Which of pillow and pillow-12 the installed Pillow does.

    It is what a new artifact says, since the transform that it is compared with resizes by that Pillow.
    """
    return "pillow" if int(metadata.version("pillow").partition(".")[0]) >= 13 else "pillow-12"


def scale_as_mean_and_std(scale: str, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The mean and std that come to the same as a scale, for readers that know no scale; None for 0-1."""
    if scale == "0-255":
        return (0.0,) * channels, (1 / 255,) * channels
    if scale == "-1-1":
        return (0.5,) * channels, (0.5,) * channels
    return None
