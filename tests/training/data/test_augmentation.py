# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Crops, flips, mixes and RandAugment, each against an independent rule."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from mdeploy_training.data import Images
from mdeploy_training.data.augmentation import _TABLE, augment, draw
from mdeploy_training.run.recipe import Recipe

RECIPE = Recipe(epochs=1, batch=60, lr=0.1, schedule="cosine")


def images(count: int = 60, height: int = 7, width: int = 8) -> Images:
    pixels = torch.randint(0, 256, (count, 3, height, width), generator=torch.Generator().manual_seed(0))
    return Images(pixels.to(torch.uint8), torch.arange(count), tuple(map(str, range(count))))


def augmented(data: Images, seed: int = 1, **changes: float) -> tuple[Tensor, Tensor, float]:
    recipe = dataclasses.replace(RECIPE, **changes)  # type: ignore[arg-type]
    everything = torch.arange(len(data))
    return augment(data, everything, everything, draw(recipe, data.size, torch.Generator().manual_seed(seed)), recipe)


def crops_of(image: Tensor, padding: int) -> list[Tensor]:
    """Every crop and its mirror image, from NumPy's reflection padding."""
    _, height, width = image.shape
    padded = np.pad(image.numpy(), ((0, 0), (padding, padding), (padding, padding)), mode="reflect")
    result = []
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            crop = padded[:, top : top + height, left : left + width]
            result += [torch.from_numpy(crop.copy()), torch.from_numpy(crop[..., ::-1].copy())]
    return result


def test_images_are_reflected_crops_or_their_mirror_images() -> None:
    data = images()
    made, _, weight = augmented(data, crop_padding=2, flip=True)
    assert made.shape == data.pixels.shape
    assert made.dtype == torch.uint8
    assert weight == 1.0
    seen = set()
    for before, after in zip(data.pixels, made, strict=True):
        matches = [index for index, crop in enumerate(crops_of(before, 2)) if torch.equal(crop, after)]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) > 20  # of 50: each image draws its own


def test_without_augmentation_nothing_changes() -> None:
    data = images()
    assert torch.equal(augmented(data)[0], data.pixels)


def test_mixup_blends_with_the_mirrored_position() -> None:
    data = images()
    made, partners, weight = augmented(data, mixup=1.0)
    assert 0 < weight < 1
    assert partners.tolist() == list(reversed(range(60)))
    expected = weight * data.pixels.float() + (1 - weight) * data.pixels.flip(0).float()
    torch.testing.assert_close(made.float(), expected, atol=0.51, rtol=0)


def test_cutmix_covers_a_box_of_the_share_it_reports() -> None:
    data = images()
    weights = set()
    for seed in range(20):
        made, partners, weight = augmented(data, seed, cutmix=1.0)
        if weight == 1.0:
            continue
        theirs = data.pixels[partners]
        assert ((made == data.pixels) | (made == theirs)).all()
        covered = (made != data.pixels).any(1).any(0)  # over images and channels: the box itself
        assert 1 - covered.float().mean().item() == pytest.approx(weight)
        rows, columns = covered.any(1), covered.any(0)
        assert covered.sum() == rows.sum() * columns.sum()
        weights.add(weight)
    assert len(weights) > 10


def test_shares_of_mixup_follow_the_beta_distribution() -> None:
    recipe = dataclasses.replace(RECIPE, batch=1, mixup=0.4)
    shares = [draw(recipe, (4, 4), torch.Generator().manual_seed(seed)).weight for seed in range(4000)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.01)


def test_area_crops_of_a_ramp_stay_inside_and_have_the_area() -> None:
    """On a horizontal ramp the image's contrast tells the crop's width."""
    ramp = torch.arange(64, dtype=torch.uint8).mul(4).expand(60, 3, 64, 64).contiguous()
    data = Images(ramp, torch.arange(60), tuple(map(str, range(60))))
    made, _, _ = augmented(data, crop_area=0.25)
    assert made.shape == ramp.shape
    widths = (made[:, 0, 32].amax(1).float() - made[:, 0, 32].amin(1).float()) / 252
    assert widths.min() > 0.5 * (3 / 4) ** 0.5 - 0.05
    assert widths.max() <= 1.0
    assert widths.std() > 0.05


@pytest.mark.parametrize("operation", range(len(_TABLE)))
@pytest.mark.parametrize("strength", [-1.0, -0.3, 0.5, 1.0])
def test_randaugments_operations_keep_shape_and_type(operation: int, strength: float) -> None:
    data = images(3, 9, 8)
    made = _TABLE[operation](data.pixels, strength)
    assert made.shape == data.pixels.shape
    assert made.dtype == torch.uint8


def test_randaugment_changes_images_more_when_stronger() -> None:
    smooth = torch.nn.functional.interpolate(images(60, 4, 4).pixels.float(), size=(16, 16), mode="bilinear")
    data = Images(smooth.to(torch.uint8), torch.arange(60), tuple(map(str, range(60))))

    def change(strength: float) -> float:
        return float(
            np.mean([(augmented(data, s, randaugment=strength)[0].float() - smooth).abs().mean() for s in range(8)])
        )

    assert 0 < change(1.0) < change(9.0)
