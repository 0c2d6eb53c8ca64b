# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""timm's models by name, and what timm says of them: transforms and labels. Nothing is downloaded.

timm is imported when a model of its is named, and not before.
"""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from mdeploy.errors import InputError, UnavailableError, UsageError
from mdeploy.formats.preprocessing import INTERPOLATIONS, Preprocessing, installed_arithmetic
from mdeploy.models.transform import Brought, ImageTransform

__all__ = [
    "brought_by_timm",
    "timm_configuration",
    "timm_factory",
    "timm_labels",
    "timm_own_transform",
    "timm_transform",
]

_FETCHES = ("pretrained", "checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir")


def _library() -> Any:
    """The module, of which timm.data is a part. Raises ``UnavailableError`` with the line that installs it."""
    try:
        import timm
    except ImportError as error:
        raise UnavailableError(
            f"timm makes this model, and {error.name} is not installed; get it with: pip install 'mdeploy[timm]'"
        ) from error
    return timm


def timm_factory(name: str, arguments: Mapping[str, Any]) -> Callable[..., Any]:
    """What makes timm's model of this name, else timm's function of this name.

    Raises ``UsageError`` where it would fetch something, ``InputError`` where there is neither.
    """
    if "/" in name or ":" in name:
        raise UsageError(
            f"--model timm:{name}: nothing is fetched; download that repository and give its directory as SOURCE"
        )
    fetching = [key for key in _FETCHES if arguments.get(key)]
    if fetching:
        raise UsageError(f"--model-arg {fetching[0]}: the weights are SOURCE's; leave it out")
    timm = _library()
    if timm.is_model(name):
        return functools.partial(timm.create_model, name, pretrained=False)
    function: Any = getattr(timm, name, None) or getattr(timm.models, name, None)
    if callable(function):
        made: Callable[..., Any] = function
        return made
    near = difflib.get_close_matches(name, timm.list_models(), 3)
    raise InputError(
        f"--model timm:{name}: timm {timm.__version__} has no such model"
        + (f"; is it {' or '.join(near)}?" if near else "; timm.list_models() has their names")
    )


def brought_by_timm(module: nn.Module, name: str, size: tuple[int, int] | None) -> Brought:
    """Transform and labels of a model that timm made, by the configuration that it carries."""
    config = getattr(module, "pretrained_cfg", None)
    if not isinstance(config, Mapping):
        return Brought(unsaid=f"timm says nothing of the images of {name}")
    tag = config.get("tag")
    origin = f"timm's configuration of {config.get('architecture') or name}" + (f".{tag}" if tag else "")
    transform, unsaid = timm_transform(config, origin, size)
    return Brought(origin, transform, timm_labels(module), unsaid)


def timm_transform(
    config: Mapping[str, Any], origin: str, size: tuple[int, int] | None
) -> tuple[ImageTransform | None, str]:
    """timm's transform for evaluation, or why the manifest cannot say it."""
    channels = int((config.get("input_size") or (3,))[0])
    asked = {} if size is None else {"input_size": (channels, *size)}
    data = _library().data.resolve_data_config(asked, pretrained_cfg=dict(config))
    height, width = (int(side) for side in data["input_size"][1:])
    mean, std = (tuple(float(value) for value in data[key]) for key in ("mean", "std"))
    if data["interpolation"] not in INTERPOLATIONS:
        return None, f"{origin} resizes by {data['interpolation']}, which is not one of {', '.join(INTERPOLATIONS)}"
    if len(mean) != channels or len(std) != channels:
        return None, f"{origin} has {len(mean)} means for {channels} channels"
    scaled = math.floor(height / data["crop_pct"]), math.floor(width / data["crop_pct"])
    how: dict[str, Any] = {"crop": (height, width)}
    if data["crop_mode"] == "squash":
        how["size"] = scaled
    elif data["crop_mode"] == "border":
        fill = tuple(round(255 * value) for value in mean)
        how |= {"letterbox": scaled, "fill": fill if len(fill) == 3 else fill[:1] * 3}
    elif scaled[0] == scaled[1]:
        how["short_side"] = scaled[0]
    else:
        return None, f"{origin} resizes by both sides for an input of {height}x{width}"
    return ImageTransform(
        (height, width), Preprocessing(installed_arithmetic(), data["interpolation"], **how), mean, std
    ), ""


def timm_configuration(name: str) -> dict[str, Any]:
    """What timm's registry keeps of a model's weights. Raises ``InputError`` where it has none of this name."""
    found = _library().get_pretrained_cfg(name, allow_unregistered=True)
    if found is None:
        raise InputError(f"--model timm:{name}: timm's registry says nothing of its images")
    return dict(found.to_dict())


def timm_own_transform(config: Mapping[str, Any], input_size: tuple[int, ...]) -> Any:
    """timm's transform of Pillow images for evaluation: a Compose."""
    data = _library().data
    return data.create_transform(**data.resolve_data_config({"input_size": input_size}, pretrained_cfg=dict(config)))


def timm_labels(model: nn.Module | Mapping[str, Any]) -> tuple[str, ...] | None:
    """ImageNet's classes where a model, or its configuration, has as many as one of its sets."""
    data = _library().data
    subset = data.infer_imagenet_subset(model)
    return None if subset is None else tuple(data.ImageNetInfo(subset).label_descriptions())
