# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The table of docs/preprocessing.md: a part of it measured again, and that it would notice what is wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tools.docs.preprocessing_table import Configuration, configurations, measure, other_arithmetic, photographs

PAGE = Path(__file__).resolve().parents[2] / "docs" / "preprocessing.md"


@pytest.fixture(scope="module")
def every() -> list[Configuration]:
    pytest.importorskip("timm")
    pytest.importorskip("transformers")
    return list(configurations())


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    # In the last two half a pixel of margin is left over, which to even and down are not the same.
    return [*photographs(8)[::7], *(photographs(1)[0].resize(size) for size in ((259, 256), (227, 224)))]


def test_a_part_of_the_table_holds(every: list[Configuration], images: list[Image.Image]) -> None:
    assert len(every) >= 30
    for configuration in every[::5]:
        assert measure(configuration, images).holds, configuration.name


@pytest.mark.parametrize("name", ["resnet18 (IMAGENET1K_V1)", "dm_nfnet_f0.dm_in1k", "CLIPImageProcessor"])
def test_what_is_wrong_does_not_hold(every: list[Configuration], images: list[Image.Image], name: str) -> None:
    right = next(configuration for configuration in every if configuration.name == name)
    ours = right.ours
    how = ours.preprocessing
    wrong = (
        replace(ours, mean=(0.486, *ours.mean[1:])),
        replace(ours, color_order="bgr"),
        replace(ours, preprocessing=replace(how, interpolation="lanczos")),
        replace(ours, preprocessing=replace(how, antialias=False)),
        replace(ours, preprocessing=replace(how, crop_rounding="down" if how.crop_rounding == "even" else "even")),
    )
    for index, transform in enumerate(wrong):
        if index == 4 and how.size is not None:
            continue  # the margin of a stretched image is always the same
        assert not measure(replace(right, ours=transform), images).holds, index


def test_the_order_of_passes_is_seen_on_tall_images(every: list[Configuration]) -> None:
    tall = [image.resize((63, 901)) for image in photographs(1)]
    squash = next(configuration for configuration in every if configuration.name == "dm_nfnet_f0.dm_in1k")
    assert measure(squash, tall).holds
    assert not measure(other_arithmetic(squash), tall).holds


def test_the_page_has_every_configuration(every: list[Configuration]) -> None:
    rows = re.findall(
        r"^\| (?:torchvision|timm|transformers)[^|]* \| ([^|]+) \|.*\| ([^|]*) \| ([^|]*) \|$", PAGE.read_text(), re.M
    )
    assert [name for name, _, _ in rows] == [configuration.name for configuration in every]
    assert {equal for _, equal, _ in rows} == {"20 of 20", ""}
    assert max(float(difference) for _, _, difference in rows) <= 1e-5
