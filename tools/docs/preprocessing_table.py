# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Our preprocessing against the transforms that models were trained with: configurations, images, and what differs.

Each configuration is the library's own: torchvision's weights, timm's registry, processors of transformers written to
JSON and read back. Images are compared after resize and crop, byte for byte, and as tensors.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from mdeploy.comparison.pipeline.stages import our_stages_of
from mdeploy.formats.preprocessing import Preprocessing, installed_arithmetic
from mdeploy.models.timm_models import timm_transform
from mdeploy.models.torchvision_models import brought_by_torchvision, torchvision_weights
from mdeploy.models.transform import ImageTransform
from mdeploy.models.transformers_models import processor_transform

__all__ = ["Configuration", "Row", "configurations", "measure", "photographs", "torchvision_backend"]

SIZES = (
    (97, 181), (181, 97), (225, 224), (224, 225), (233, 233), (299, 401), (333, 250), (480, 641), (641, 479),
    (500, 333), (375, 500), (61, 903), (901, 63), (768, 1025), (127, 129), (50, 75), (31, 64), (1201, 803),
    (256, 257), (419, 419),
)  # fmt: skip

TORCHVISION = (
    "resnet18", "resnet50", "densenet121", "vgg16", "inception_v3", "mobilenet_v3_large", "efficientnet_b0",
    "efficientnet_b3", "efficientnet_v2_s", "convnext_tiny", "regnet_y_16gf", "swin_t", "swin_v2_b", "vit_b_16",
    "vit_h_14", "maxvit_t",
)  # fmt: skip
TIMM = (
    "convit_base.fb_in1k", "dla34.in1k", "mobilenetv3_large_100.ra_in1k", "bat_resnext26ts.ch_in1k",
    "mobileone_s1.apple_in1k", "tf_efficientnet_lite3.in1k", "xception41.tf_in1k", "pnasnet5large.tf_in1k",
    "resnet50.a1_in1k", "fbnetv3_b.ra2_in1k", "convnext_tiny.fb_in1k", "tf_efficientnet_b4.ap_in1k",
    "hgnet_small.paddle_in1k", "vit_base_patch16_clip_224.openai", "repvgg_d2se.rvgg_in1k", "volo_d4_448.sail_in1k",
    "dm_nfnet_f0.dm_in1k", "vit_base_patch16_clip_384.openai_ft_in12k_in1k", "coat_lite_medium_384.in1k",
    "deepseek_vit_412m.deepseek_v4_flash_vision_exp",
)  # fmt: skip
PROCESSORS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("CLIP", {}),
    ("ViT", {}),
    ("DeiT", {}),
    ("Beit", {"size": {"height": 256, "width": 256}, "do_center_crop": True}),
    ("ConvNext", {"size": {"shortest_edge": 224}}),
    ("ConvNext", {"size": {"shortest_edge": 384}}),
    ("MobileNetV2", {}),
    ("MobileViT", {"size": {"shortest_edge": 288}}),
    ("EfficientNet", {"size": {"height": 224, "width": 224}, "do_center_crop": False}),
    ("Levit", {}),
    ("PoolFormer", {}),
    ("Siglip", {}),
)
TENSORS = (("bilinear", True), ("bicubic", True), ("nearest", True), ("bilinear", False), ("bicubic", False))


@dataclass(frozen=True)
class Configuration:
    """A transform of the source's, and ours that was read from what the source says."""

    library: str
    name: str
    ours: ImageTransform
    image: Callable[[Image.Image], Any] | None
    """Resize and crop alone, (height, width, channels) in bytes; None for transforms of tensors."""
    tensor: Callable[[Image.Image], Any]
    """The whole, (channels, height, width)."""


@dataclass(frozen=True)
class Row:
    """What one configuration gave over all images."""

    configuration: Configuration
    images: int
    equal: int | None
    """Images that are equal to Pillow's in every byte; None for transforms of tensors."""
    difference: float
    """Largest of the tensors."""

    @property
    def holds(self) -> bool:
        """Every image equal and the tensors within 1e-6 (of max(1, the largest value)); 1e-5 for tensors."""
        if self.equal is None:
            return self.difference <= 1e-5
        return self.equal == self.images and self.difference <= 1e-6


def photographs(count: int = len(SIZES)) -> list[Image.Image]:
    """Images of odd sizes with edges, gradients and noise."""
    return [_photograph(*size) for size in SIZES[:count]]


def _photograph(height: int, width: int) -> Image.Image:
    generator = np.random.default_rng((height, width))
    y, x = np.mgrid[:height, :width]
    edges = np.stack([(x // 7 + y // 5) % 2 * 255, x * 255 // width, y * 255 // height], -1)
    return Image.fromarray(np.clip(edges + generator.integers(-60, 60, edges.shape), 0, 255).astype(np.uint8))


def configurations() -> Iterator[Configuration]:
    """All of them, in the order of the table."""
    yield from map(_torchvision, TORCHVISION)
    yield from map(_timm, TIMM)
    yield from itertools.starmap(_processor, PROCESSORS)
    yield from itertools.starmap(_tensors, TENSORS)


def measure(configuration: Configuration, images: Sequence[Image.Image]) -> Row:
    """Compare over these images."""
    equal, difference = 0, 0.0
    spec = configuration.ours.input()
    for image in images:
        stages, tensor = our_stages_of(np.asarray(image.convert("RGBA")), spec)
        expected = np.asarray(configuration.tensor(image), np.float64)
        scale = max(1.0, float(np.abs(expected).max()))
        difference = float(np.maximum(difference, np.abs(tensor[0] - expected).max() / scale))  # NaN stays NaN
        if configuration.image is not None:
            equal += bool(np.array_equal(stages["crop"], np.asarray(configuration.image(image))))
    return Row(configuration, len(images), None if configuration.image is None else equal, difference)


def torchvision_backend(kind: str, given: dict[str, Any], images: Sequence[Image.Image]) -> tuple[float, float]:
    """How far transformers' processor on tensors of bytes is from the one on Pillow images, in 1/255: most and mean."""
    import transformers

    by_tensor = getattr(transformers, f"{kind}ImageProcessor")(**given)
    by_pillow = getattr(transformers, f"{kind}ImageProcessorPil")(**given)
    most, total = 0.0, 0.0
    for image in images:
        one, two = (np.asarray(_pixel_values(p, image), np.float64) for p in (by_tensor, by_pillow))
        std = np.asarray(by_pillow.image_std if by_pillow.do_normalize else 1.0, np.float64).reshape(-1, 1, 1)
        if kind == "EfficientNet":
            std = std * std
        steps = np.abs(one - two) * std * 255
        most, total = max(most, float(steps.max())), total + float(steps.mean())
    return most, total / len(images)


def _torchvision(name: str) -> Configuration:
    from torchvision.transforms import functional

    entry = torchvision_weights(name)
    assert entry is not None
    how = entry.transforms()
    brought = brought_by_torchvision(name, "", None)
    assert brought.transform is not None

    def image(picture: Image.Image) -> Any:
        resized = functional.resize(picture, how.resize_size, how.interpolation, antialias=how.antialias)
        return functional.center_crop(resized, how.crop_size)

    return Configuration("torchvision", f"{name} ({entry.name})", brought.transform, image, lambda p: how(p).numpy())


def _timm(name: str) -> Configuration:
    import timm

    config = timm.get_pretrained_cfg(name).to_dict()
    transform, unsaid = timm_transform(config, name, None)
    assert transform is not None, unsaid
    own: Any = timm.data.create_transform(**timm.data.resolve_data_config({}, pretrained_cfg=config))

    def image(picture: Image.Image) -> Any:
        for step in own.transforms[:-2]:
            picture = step(picture)
        return picture

    assert [type(step).__name__ for step in own.transforms[-2:]] == ["MaybeToTensor", "Normalize"]
    return Configuration("timm", name, transform, image, lambda p: own(p).numpy())


def _processor(kind: str, given: dict[str, Any]) -> Configuration:
    import transformers

    own = getattr(transformers, f"{kind}ImageProcessorPil")(**given)
    written = json.loads(own.to_json_string())
    transform, unsaid = processor_transform({**written, "image_processor_type": f"{kind}ImageProcessor"}, kind)
    assert transform is not None, unsaid
    only = {"do_rescale": False, "do_normalize": False} | ({"include_top": False} if kind == "EfficientNet" else {})

    def image(picture: Image.Image) -> Any:
        return np.asarray(own(picture, return_tensors="np", **only)["pixel_values"][0]).transpose(1, 2, 0)

    size = given.get("size", {}).get("shortest_edge")
    name = f"{kind}ImageProcessor" + (f", size {size}" if size else "")
    return Configuration("transformers", name, transform, image, lambda p: _pixel_values(own, p))


def _pixel_values(processor: Any, image: Image.Image) -> Any:
    return processor(image, return_tensors="np")["pixel_values"][0]


def _tensors(interpolation: str, antialias: bool) -> Configuration:
    from torchvision import transforms

    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    mode = transforms.InterpolationMode(interpolation)
    own = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Resize(232, mode, antialias=antialias),
            transforms.CenterCrop(224),
            transforms.Normalize(mean, std),
        ]
    )
    how = Preprocessing("tensor", interpolation, antialias, short_side=232, crop=(224, 224))
    name = f"ToTensor, Resize(232, {interpolation}, antialias={antialias}), CenterCrop(224)"
    return Configuration("torchvision, tensors", name, ImageTransform((224, 224), how, mean, std), None, own)


def other_arithmetic(configuration: Configuration) -> Configuration:
    """The same with the order of passes that the installed Pillow does not have."""
    how = configuration.ours.preprocessing
    other = "pillow-12" if installed_arithmetic() == "pillow" else "pillow"
    return replace(configuration, ours=replace(configuration.ours, preprocessing=replace(how, arithmetic=other)))
