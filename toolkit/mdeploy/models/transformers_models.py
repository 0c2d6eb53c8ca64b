# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Image classifiers of transformers, and its image processors in the words of the manifest.

transformers is imported to make a module, and not before; a processor is read from its JSON file alone. transformers
resizes images by Pillow, or tensors of bytes by torchvision; a processor here is the first, which the second
approximates.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from mdeploy.errors import InputError, UnavailableError, UsageError, first_line, named_line
from mdeploy.formats.json_text import read_json
from mdeploy.formats.preprocessing import CLIP, HALF, IMAGENET, Preprocessing, installed_arithmetic
from mdeploy.models.fit import Tensors, listed
from mdeploy.models.libraries import TRANSFORMERS
from mdeploy.models.snapshot import CONFIG
from mdeploy.models.transform import ImageTransform

__all__ = ["filled", "processor_transform"]

_MAX_CONFIG_BYTES = 64 << 20

Values = tuple[float, ...]

_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}

# What a processor's file leaves out, as transformers 5.24 has it: size, resample, crop, and mean with std.
_SQUARE: dict[str, int] = {"height": 224, "width": 224}
_SHORT: dict[str, int] = {"shortest_edge": 224}
_DEFAULTS: dict[str, tuple[dict[str, int], int, dict[str, int] | None, tuple[Values, Values]]] = {
    "Beit": (_SQUARE, 3, None, HALF),
    "Bit": (_SHORT, 3, _SQUARE, CLIP),
    "CLIP": (_SHORT, 3, _SQUARE, CLIP),
    "ConvNext": ({"shortest_edge": 384}, 3, None, HALF),
    "DeiT": ({"height": 256, "width": 256}, 3, _SQUARE, HALF),
    "EfficientNet": ({"height": 346, "width": 346}, 3, None, HALF),
    "Levit": (_SHORT, 3, _SQUARE, IMAGENET),
    "MobileNetV1": ({"shortest_edge": 256}, 2, _SQUARE, HALF),
    "MobileNetV2": ({"shortest_edge": 256}, 2, _SQUARE, HALF),
    "MobileViT": (_SHORT, 3, {"height": 256, "width": 256}, HALF),
    "PoolFormer": (_SHORT, 3, _SQUARE, IMAGENET),
    "Pvt": (_SQUARE, 3, None, IMAGENET),
    "Siglip": (_SQUARE, 3, None, HALF),
    "ViT": (_SQUARE, 2, None, HALF),
}
_OWN_CROP = {"EfficientNet": {"height": 289, "width": 289}, "Beit": _SQUARE}  # where it is asked for
_CROP_PCT = {"ConvNext": 224 / 256, "PoolFormer": 0.9}
_OTHER_NAMES = {"Swin": "ViT", "ConvNeXT": "ConvNext", "ViTHybrid": "Bit"}
_STRETCHED_FROM = 384  # ConvNext's processor crops below


def filled(spec: str, tensors: Tensors, where: str, folder: Path | None) -> tuple[nn.Module, tuple[str, ...]]:
    """transformers' class, made by the config.json of ``folder``, with these weights; it answers with logits alone.

    transformers itself puts the weights in, since it gives them other names than files have. Raises
    ``UnavailableError`` where it is not installed, ``InputError`` for a class that is no classifier of images, a
    configuration with code of its own, and weights that do not fit.
    """
    name = spec.removeprefix(TRANSFORMERS)
    if folder is None or not (folder / CONFIG).is_file():
        raise UsageError(f"--model {spec}: give the directory with its {CONFIG} as SOURCE")
    config = read_json(folder / CONFIG, _MAX_CONFIG_BYTES)
    if not isinstance(config, dict) or "auto_map" in config:
        raise InputError(f"{folder / CONFIG}: auto_map names code of its own, which is not run")
    if not name.endswith("ForImageClassification"):
        raise InputError(f"{folder}: {name} is not one of transformers' image classifiers (...ForImageClassification)")
    library, maker = _class(name, folder)
    try:
        with _quiet(library):
            settings = library.AutoConfig.for_model(**config)
            model, told = maker.from_pretrained(
                None,
                config=settings,
                state_dict=dict(tensors),
                output_loading_info=True,
                local_files_only=True,
                attn_implementation="eager",  # of plain operators
                ignore_mismatched_sizes=True,  # they are told below, by name
            )
    except Exception as error:  # a configuration from elsewhere can make a library raise anything
        raise InputError(f"{folder / CONFIG}: transformers cannot make {name}: {named_line(error)}") from error
    missing, unexpected = sorted(told["missing_keys"]), sorted(told["unexpected_keys"])
    other = [f"{key} {list(have)} for {list(want)}" for key, have, want in told["mismatched_keys"]]
    if missing or other:
        parts = [f"{len(other)} of another shape ({listed(other)})"] if other else []
        parts += [f"{len(missing)} missing ({listed(missing)})"] if missing else []
        parts += [f"{len(unexpected)} unexpected ({listed(unexpected)})"] if unexpected else []
        raise InputError(f"{where}: does not fit the module of {spec}: {'; '.join(parts)}")
    # Its answer is a record; a hook keeps the names of the weights, which a wrapper would not.
    model.register_forward_hook(lambda _module, _inputs, answer: answer.logits)
    return model, (f"{where}: left out, not the module's: {listed(unexpected)}",) if unexpected else ()


def _class(name: str, folder: Path) -> tuple[Any, Any]:
    """The library and its class. Raises ``UnavailableError`` where either is not there."""
    try:
        import transformers
    except ImportError as error:
        raise UnavailableError(
            f"{folder}: {name} is made by transformers, which is not installed; "
            "get it with: pip install 'mdeploy[transformers]'"
        ) from error
    try:
        maker = getattr(transformers, name)
    except (ImportError, AttributeError) as error:
        raise UnavailableError(
            f"{folder}: transformers {transformers.__version__} cannot give {name}: {first_line(error)}; "
            "get a newer one with: pip install -U transformers"
        ) from error
    return transformers, maker


@contextlib.contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Without its progress bars and reports: what matters is in the returned lists."""
    log = library.utils.logging
    before = log.get_verbosity()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(before)
        log.enable_progress_bar()


def processor_transform(data: Mapping[str, Any], where: str) -> tuple[ImageTransform | None, str]:
    """The transform of a ``preprocessor_config.json``, or why the manifest cannot say it."""
    name = _processor_name(data)
    if name not in _DEFAULTS:
        return None, f"{where}: {name or 'a processor without a name'} is not one of {', '.join(sorted(_DEFAULTS))}"
    own_size, own_resample, own_crop, (mean, std) = _DEFAULTS[name]
    resample = data.get("resample", own_resample)
    if resample not in _RESAMPLE:
        return None, f"{where}: resample {resample} is none of Pillow's filters that are known here"
    size = _size(data.get("size", own_size), name)
    crops = data.get("do_center_crop", own_crop is not None)
    crop = _size(data.get("crop_size", own_crop or _OWN_CROP.get(name)), "ViT") if crops else None
    how: dict[str, Any] = {"crop_rounding": "down"}
    if data.get("do_resize", True):
        how |= _resize(name, size, data.get("crop_pct", _CROP_PCT.get(name)))
    if crop is not None:
        how["crop"] = (crop["height"], crop["width"])
    end = how.get("crop") or how.get("size")
    if end is None:
        return None, f"{where}: it says no size that every image ends at"
    if any(have < want for have, want in zip(_least(how), end, strict=True)):
        return None, f"{where}: it crops more than it resizes to"
    scale, mean, std = _values(name, data, mean, std)
    if scale is None:
        return None, f"{where}: rescale_factor {data.get('rescale_factor')} is not 1/255, 1/127.5 or 1"
    flipped = data.get("do_flip_channel_order", name == "MobileViT")
    preprocessing = Preprocessing(installed_arithmetic(), _RESAMPLE[resample], scale=scale, **how)
    return ImageTransform(end, preprocessing, mean, std, "bgr" if flipped else "rgb"), ""


def _processor_name(data: Mapping[str, Any]) -> str:
    kind = str(data.get("image_processor_type") or data.get("feature_extractor_type") or "")
    for ending in ("Fast", "Pil", "ImageProcessor", "FeatureExtractor"):
        kind = kind.removesuffix(ending)
    return _OTHER_NAMES.get(kind, kind)


def _size(value: Any, name: str) -> dict[str, int] | None:
    """A size as files have it: by names, or one number, which means a square where the processor stretches."""
    if isinstance(value, Mapping):
        return {str(key): int(side) for key, side in value.items() if side is not None}
    if isinstance(value, list) and len(value) == 2:
        return {"height": int(value[0]), "width": int(value[1])}
    if not isinstance(value, int):
        return None
    default = _DEFAULTS[name][0]
    return {"shortest_edge": value} if "shortest_edge" in default else {"height": value, "width": value}


def _resize(name: str, size: dict[str, int] | None, crop_pct: float | None) -> dict[str, Any]:
    size = size or {}
    if "height" in size and "width" in size and (name != "PoolFormer" or crop_pct is None):
        return {"size": (size["height"], size["width"])}
    side = size.get("shortest_edge")
    if side is None or "longest_edge" in size:
        return {}
    if name == "Levit":
        return {"short_side": int(256 / 224 * side)}
    if name == "PoolFormer" and crop_pct is not None:
        return {"short_side": int(side / crop_pct)}
    if name != "ConvNext":
        return {"short_side": side}
    if side >= _STRETCHED_FROM:
        return {"size": (side, side)}
    return {"short_side": int(side / (crop_pct or _CROP_PCT[name])), "crop": (side, side)}


def _least(how: Mapping[str, Any]) -> tuple[int, int]:
    """The smallest size that an image has after the resize."""
    side = how.get("short_side", 0)
    height, width = how.get("size", (side, side))
    return height, width


def _values(
    name: str, data: Mapping[str, Any], mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[str | None, tuple[float, ...], tuple[float, ...]]:
    """Scale, mean and std: what a pixel becomes. The scale is None where it cannot be said."""
    normalises = data.get("do_normalize", name != "MobileViT") or False
    mean, std = (_three(data.get(key, value)) for key, value in (("image_mean", mean), ("image_std", std)))
    factor = float(data.get("rescale_factor", 1 / 255)) if data.get("do_rescale", True) else 1.0
    if name == "EfficientNet" and data.get("include_top", True):
        # Normalised once more, by the std alone.
        std = tuple(value * value for value in std) if normalises else std
        mean, normalises = (mean if normalises else (0.0, 0.0, 0.0)), True
    if not normalises:
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    offset = bool(data.get("rescale_offset", False)) and name == "EfficientNet"
    if math.isclose(factor, 1 / 127.5, rel_tol=1e-6) and offset:
        # 2 x - 1, then (- mean) / std: on the scale 0 to 1 that is (x - (mean + 1) / 2) / (std / 2).
        return "0-1", tuple((value + 1) / 2 for value in mean), tuple(value / 2 for value in std)
    if offset or not any(math.isclose(factor, known, rel_tol=1e-6) for known in (1 / 255, 1 / 127.5, 1.0)):
        return None, mean, std
    share = 1 / (255 * factor)  # of the scale 0 to 1 to what the factor makes of a pixel
    return "0-1", tuple(value * share for value in mean), tuple(value * share for value in std)


def _three(value: Any) -> tuple[float, ...]:
    return (float(value),) * 3 if isinstance(value, (int, float)) else tuple(float(item) for item in value)
