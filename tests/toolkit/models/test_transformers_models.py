# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Processors of transformers from their JSON files, against transformers' own on Pillow images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mdeploy import native
from mdeploy.models.transformers_models import processor_transform

# What differs from each class's defaults: what such files have in them.
PROCESSORS: list[tuple[str, dict[str, Any]]] = [
    ("ViT", {}),
    ("ViT", {"size": {"height": 40, "width": 56}, "resample": 3}),
    ("ViT", {"do_normalize": False}),
    ("ViT", {"do_rescale": False, "image_mean": [120.0, 110.0, 100.0], "image_std": [60.0, 61.0, 62.0]}),
    ("CLIP", {"size": {"shortest_edge": 60}, "crop_size": {"height": 57, "width": 57}}),
    ("DeiT", {"size": {"height": 65, "width": 65}, "crop_size": {"height": 56, "width": 56}}),
    ("ConvNext", {"size": {"shortest_edge": 57}, "crop_pct": 0.875}),
    ("ConvNext", {"size": {"shortest_edge": 384}}),
    ("Beit", {"do_center_crop": True, "size": {"height": 65, "width": 70}, "crop_size": {"height": 60, "width": 61}}),
    ("Bit", {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}}),
    ("MobileNetV2", {}),
    ("MobileNetV1", {"resample": 1}),
    ("MobileViT", {"size": {"shortest_edge": 72}, "crop_size": {"height": 64, "width": 64}}),
    ("Levit", {}),
    ("PoolFormer", {"crop_pct": 0.95}),
    ("Pvt", {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}),
    ("Siglip", {}),
    ("EfficientNet", {"include_top": False}),
    ("EfficientNet", {"include_top": True, "rescale_factor": 1 / 127.5, "rescale_offset": True}),
    ("EfficientNet", {"do_center_crop": True}),
]


@pytest.mark.parametrize(("kind", "given"), PROCESSORS)
def test_a_processors_file(kind: str, given: dict[str, Any], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    own = getattr(transformers, f"{kind}ImageProcessorPil")(**given)
    own.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "preprocessor_config.json").read_text())
    transform, unsaid = processor_transform(written, "f")
    assert transform is not None, unsaid
    for size in ((97, 181), (210, 120)):
        generator = np.random.default_rng(size)
        image = Image.fromarray(generator.integers(0, 256, (*size, 3), dtype=np.uint8))
        expected = np.asarray(own(image, return_tensors="np")["pixel_values"][0])
        found = native.preprocess(np.asarray(image.convert("RGBA")), transform.input())[0]
        assert np.abs(found - expected).max() <= 1e-6 * max(1.0, np.abs(expected).max()), size


def test_what_a_file_leaves_out_is_the_classs_own() -> None:
    transformers = pytest.importorskip("transformers")
    for kind in {kind for kind, _ in PROCESSORS}:
        name = f"{kind}ImageProcessor"
        bare, _ = processor_transform({"image_processor_type": name}, "f")
        own = json.loads(json.dumps(getattr(transformers, f"{name}Pil")().to_dict(), default=list))
        full, _ = processor_transform({**own, "image_processor_type": name}, "f")
        assert bare == full, kind


def test_old_files_have_one_number_for_a_size() -> None:
    vit, _ = processor_transform({"feature_extractor_type": "ViTFeatureExtractor", "size": 96}, "f")
    clip, _ = processor_transform({"feature_extractor_type": "CLIPFeatureExtractor", "size": 96, "crop_size": 90}, "f")
    assert vit is not None
    assert clip is not None
    assert (vit.preprocessing.size, vit.preprocessing.crop) == ((96, 96), None)
    assert (clip.preprocessing.short_side, clip.preprocessing.crop) == (96, (90, 90))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"image_processor_type": "DonutImageProcessor"}, "f: Donut is not one of Beit, Bit, CLIP"),
        ({}, "a processor without a name"),
        ({"image_processor_type": "ViTImageProcessor", "resample": 5}, "resample 5"),
        ({"image_processor_type": "ViTImageProcessor", "rescale_factor": 0.5}, "rescale_factor 0.5"),
        ({"image_processor_type": "CLIPImageProcessor", "do_center_crop": False}, "no size that every image ends at"),
        ({"image_processor_type": "CLIPImageProcessor", "crop_size": 300}, "crops more than it resizes to"),
        ({"image_processor_type": "CLIPImageProcessor", "do_resize": False}, "crops more than it resizes to"),
    ],
)
def test_what_the_manifest_cannot_say_is_told(data: dict[str, Any], message: str) -> None:
    transform, unsaid = processor_transform(data, "f")
    assert transform is None
    assert message in unsaid
