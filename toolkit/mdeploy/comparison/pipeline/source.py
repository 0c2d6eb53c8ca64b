# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The source's own transform, step by step: Pillow's and torchvision's code, nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from mdeploy.comparison.pipeline.stages import Stages
from mdeploy.errors import InputError, UsageError, first_line, named_line
from mdeploy.models.transform import ImageTransform
from mdeploy.tensors import Array, Doubles

__all__ = ["SourceTransform", "source_stages", "steps_of", "steps_of_pillow"]

Step = tuple[str, Callable[[Any], Any]]

# Steps of torchvision's (both versions') and timm's transforms, by the name of their class.
_STAGE_OF = {
    "Grayscale": "colour",
    "RGB": "colour",
    "Resize": "resize",
    "ResizeKeepRatio": "resize",
    "CenterCrop": "crop",
    "CenterCropOrPad": "crop",
    "Pad": "crop",
    "ToTensor": "scale",
    "MaybeToTensor": "scale",
    "PILToTensor": "scale",
    "MaybePILToTensor": "scale",
    "ToImage": "scale",
    "ConvertImageDtype": "scale",
    "ToDtype": "scale",
    "Normalize": "normalise",
}


@dataclass(frozen=True)
class SourceTransform:
    """What the source does to a Pillow image: steps, each with the stage that it belongs to."""

    origin: str
    steps: Sequence[Step]
    gray: bool = False
    labels: tuple[str, ...] | None = None
    """Names of the classes, where the source has them."""


def steps_of(transform: Any, where: str) -> list[Step]:
    """Steps of a torchvision or timm transform. Raises ``UsageError`` for one whose parts nobody knows."""
    if type(transform).__name__ == "ImageClassification":
        return _preset_steps(transform)
    parts = getattr(transform, "transforms", None)
    if parts is None:
        raise UsageError(f"{where}: is a {type(transform).__name__}; a torchvision Compose of known steps is wanted")
    unknown = [type(part).__name__ for part in parts if type(part).__name__ not in _STAGE_OF]
    if unknown:
        raise UsageError(f"{where}: has steps that belong to no stage: {', '.join(unknown)}")
    return [(_STAGE_OF[type(part).__name__], part) for part in parts]


def _preset_steps(preset: Any) -> list[Step]:
    """torchvision's preset does all in one call: the calls that it consists of."""
    from torchvision.transforms import functional

    def resize(image: Any) -> Any:
        return functional.resize(image, preset.resize_size, preset.interpolation, antialias=preset.antialias)

    return [
        ("resize", resize),
        ("crop", lambda image: functional.center_crop(image, preset.crop_size)),
        ("scale", functional.to_tensor),
        ("normalise", lambda tensor: functional.normalize(tensor, preset.mean, preset.std)),
    ]


def steps_of_pillow(transform: ImageTransform) -> list[Step]:
    """What a file says (a checkpoint, a processor's JSON) as calls of Pillow and NumPy."""
    how = transform.preprocessing
    method = Image.Resampling[how.interpolation.upper()]

    def resize(image: Image.Image) -> Image.Image:
        width, height = image.size
        if how.size is not None:
            height, width = how.size
        elif how.short_side is not None:
            short, long = how.short_side, int(how.short_side * max(image.size) / min(image.size))
            height, width = (long, short) if width <= height else (short, long)
        elif how.letterbox is not None:
            shrink = max(height / how.letterbox[0], width / how.letterbox[1])
            height, width = round(height / shrink), round(width / shrink)
        return image if (width, height) == image.size else image.resize((width, height), method)

    def crop(image: Image.Image) -> Image.Image:
        height, width = how.crop or how.letterbox or (image.height, image.width)
        left, top = (image.width - width) / 2, (image.height - height) / 2
        if left < 0 or top < 0:
            canvas = Image.new(image.mode, (max(width, image.width), max(height, image.height)), how.fill)
            canvas.paste(image, (int(max(0, -left)), int(max(0, -top))))
            image, left, top = canvas, max(0, left), max(0, top)
        x, y = (int(left), int(top)) if how.crop_rounding == "down" else (round(left), round(top))
        return image.crop((x, y, x + width, y + height))

    def scale(image: Image.Image) -> Array:
        return np.asarray(np.atleast_3d(np.asarray(image, np.float32)) / np.float32(255))

    def normalise(values: Array) -> Array:
        mean, std = (np.asarray(given, np.float32) for given in (transform.mean, transform.std))
        return np.asarray((values - mean) / std)

    flips: list[Step] = [("colour", _flipped)] if transform.color_order == "bgr" else []
    return [*flips, ("resize", resize), ("crop", crop), ("scale", scale), ("normalise", normalise)]


def _flipped(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(np.asarray(image)[..., ::-1]))


def source_stages(path: Path, source: SourceTransform) -> tuple[Stages, Array]:
    """The stages of an image file as the source has them, upright, and the tensor: (1, channels, height, width)."""
    try:
        with Image.open(path) as opened:
            turned = ImageOps.exif_transpose(opened)
            stored, shown = opened.convert("RGB"), turned.convert("RGB")
            upright = turned.convert("L") if source.gray else shown
    except Exception as error:  # decoders raise anything on damaged files
        raise InputError(f"{path}: Pillow cannot read it: {first_line(error)}") from error
    stages: Stages = {"decode": _array(stored), "orientation": _array(shown)}
    value: Any = upright
    done = "colour"
    reached = {done: value}
    for stage, step in source.steps:
        try:
            value = step(value)
        except Exception as error:  # the user's own step may raise anything
            raise InputError(f"{path}: {source.origin} fails at {stage}: {named_line(error)}") from error
        reached[stage] = value
    for stage in ("colour", "resize", "crop"):
        value = reached.get(stage, value if stage == "colour" else None)
        stages[stage] = _array(value) if value is not None else stages[done]
        done = stage
    before = [step for step in source.steps if step[0] != "normalise"]
    scaled = reached[before[-1][0]] if before else upright
    final = reached.get("normalise", scaled)
    stages["scale"], stages["normalise"] = _values(scaled), _values(final)
    tensor = np.ascontiguousarray(_values(final).transpose(2, 0, 1)[None].astype(np.float32))
    return stages, tensor


def _array(value: Any) -> Doubles:
    """(height, width, channels) on the scale 0 to 255."""
    values = _values(value)
    is_float = not isinstance(value, Image.Image) and "float" in str(value.dtype)
    return values * 255 if is_float else values


def _values(value: Any) -> Doubles:
    """(height, width, channels) as they are: of a Pillow image, a tensor (channels first), an array (channels last)."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy().transpose(1, 2, 0)
    values: Doubles = np.atleast_3d(np.asarray(value, np.float64))
    return values
