# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What torchvision and timm say of their models, against their own transforms; what is asked for and is not there."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mdeploy import native
from mdeploy.errors import InputError, UnavailableError, UsageError
from mdeploy.formats.preprocessing import installed_arithmetic
from mdeploy.models.factory import build_module
from mdeploy.models.timm_models import brought_by_timm, timm_transform
from mdeploy.models.torchvision_models import brought_by_torchvision, torchvision_weights
from mdeploy.models.transform import ImageTransform


def photograph(height: int, width: int) -> Image.Image:
    """Edges and noise, which every filter treats in its own way."""
    generator = np.random.default_rng((height, width))
    y, x = np.mgrid[:height, :width]
    edges = np.stack([(x // 7 + y // 5) % 2 * 255, x * 255 // width, y * 255 // height], -1)
    return Image.fromarray(np.clip(edges + generator.integers(-60, 60, edges.shape), 0, 255).astype(np.uint8))


def ours(image: Image.Image, transform: ImageTransform) -> Any:
    return native.preprocess(np.asarray(image.convert("RGBA")), transform.input())[0]


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "efficientnet_b3", "vit_h_14", "swin_v2_t", "inception_v3"])
@pytest.mark.parametrize("size", [(301, 517), (640, 480)])
def test_torchvisions_own_transform(name: str, size: tuple[int, int]) -> None:
    brought = brought_by_torchvision(name, "", None)
    entry = torchvision_weights(name)
    assert entry is not None
    assert brought.transform is not None
    assert brought.labels == tuple(entry.meta["categories"])
    image = photograph(*size)
    assert np.array_equal(ours(image, brought.transform), entry.transforms()(image).numpy())


def test_the_files_hash_tells_which_weights_they_are() -> None:
    assert torchvision_weights("resnet50").name == "IMAGENET1K_V2"  # type: ignore[union-attr]
    first = torchvision_weights("resnet50", "0676ba61" + "0" * 56)
    assert first is not None
    assert first.name == "IMAGENET1K_V1"
    assert first.url.endswith("resnet50-0676ba61.pth")
    how = brought_by_torchvision("resnet50", "0676ba61" + "0" * 56, None).transform
    assert how is not None
    assert how.preprocessing.short_side == 256  # 232 is the second weights' own


def test_another_input_keeps_the_share_of_the_margin() -> None:
    how = brought_by_torchvision("resnet18", "", (448, 320)).transform
    assert how is not None
    assert (how.preprocessing.short_side, how.preprocessing.crop) == (round(320 * 256 / 224), (448, 320))


def test_a_function_of_torchvision_without_weights() -> None:
    brought = brought_by_torchvision("list_models", "", None)
    assert (brought.transform, brought.labels) == (None, None)
    assert "no weights of list_models" in brought.unsaid


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "box", "nearest"])
@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
@pytest.mark.parametrize("crop_pct", [0.875, 0.95, 1.0])
def test_timms_own_transform(interpolation: str, crop_mode: str, crop_pct: float) -> None:
    timm_data = pytest.importorskip("timm.data")
    config = {
        "input_size": (3, 65, 65),
        "interpolation": interpolation,
        "crop_mode": crop_mode,
        "crop_pct": crop_pct,
        "mean": (0.48, 0.3, 0.7),
        "std": (0.2, 0.25, 0.3),
    }
    transform, unsaid = timm_transform(config, "x", None)
    assert transform is not None, unsaid
    reference = timm_data.create_transform(**timm_data.resolve_data_config({}, pretrained_cfg=config))
    for size in ((97, 180), (180, 97), (64, 63), (300, 301)):
        image = photograph(*size)
        assert np.array_equal(ours(image, transform), reference(image).numpy()), size


def test_what_the_manifest_cannot_say_of_timm_is_told() -> None:
    assert timm_transform({"interpolation": "hamming"}, "x", None)[1].startswith("x resizes by hamming")
    assert "both sides" in timm_transform({}, "x", (224, 160))[1]
    assert "3 means for 1 channels" in timm_transform({"input_size": (1, 32, 32)}, "x", None)[1]


def test_timm_by_registry_and_by_function() -> None:
    pytest.importorskip("timm")
    made = build_module("timm:resnet10t", {"num_classes": 4})
    assert made(torch.zeros(1, 3, 64, 64)).shape == (1, 4)
    assert brought_by_timm(made, "resnet10t", None).labels is None
    whole = build_module("timm:create_model", {"model_name": "resnet10t"})
    brought = brought_by_timm(whole, "create_model", (128, 128))
    assert brought.origin == "timm's configuration of resnet10t.c3_in1k"
    assert brought.labels is not None
    assert brought.labels[:1] == ("tench, Tinca tinca",)
    assert brought.transform is not None
    assert brought.transform.size == (128, 128)


@pytest.mark.parametrize(
    ("name", "arguments", "error", "message"),
    [
        ("resnet18x", {}, InputError, "has no such model; is it resnet18"),
        ("resnet18", {"pretrained": True}, UsageError, "--model-arg pretrained: the weights are SOURCE's"),
        ("resnet18", {"nonsense": 3}, InputError, "the factory failed"),
        ("timm/resnet18", {}, UsageError, "nothing is fetched"),
        ("hf-hub:timm/resnet18", {}, UsageError, "nothing is fetched"),
    ],
)
def test_timm_asked_for_what_is_not(name: str, arguments: dict[str, Any], error: type, message: str) -> None:
    pytest.importorskip("timm")
    with pytest.raises(error, match=message) as caught:
        build_module(f"timm:{name}", arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("library", "spec", "install"),
    [("timm", "timm:resnet18", "mdeploy.timm."), ("torchvision", "torchvision.models:resnet18", "install torchvision")],
)
def test_a_library_that_is_not_installed(
    library: str, spec: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UnavailableError, match=install):
        build_module(spec, {})


def test_new_artifacts_do_as_the_installed_pillow() -> None:
    """Where an image loses much more of its height than of its width, its passes come in another order since 13."""
    transform = brought_by_torchvision("resnet18", "", (50, 50)).transform
    assert transform is not None
    assert transform.preprocessing.arithmetic == installed_arithmetic()
    image = photograph(900, 60).resize((61, 900))
    resize = Image.Resampling.BILINEAR
    for arithmetic, first in (("pillow-12", (50, 900)), ("pillow", (61, 50))):
        stretched = image.resize(first, resize).resize((50, 50), resize)
        own = image.resize((50, 50), resize)
        assert np.array_equal(np.asarray(stretched), np.asarray(own)) == (arithmetic == installed_arithmetic())
