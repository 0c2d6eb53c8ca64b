# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Order, crops, flips and normalisation of batches."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from mdeploy_training.data import Normalization, Pictures, augment, training_batches
from mdeploy_training.recipe import Recipe

RECIPE = Recipe(epochs=2, batch=4, lr=0.1, schedule="cosine", crop_padding=2, flip=True, seed=5)


def pictures(count: int = 10, height: int = 7, width: int = 8) -> Pictures:
    pixels = torch.randint(0, 256, (count, 3, height, width), generator=torch.Generator().manual_seed(0))
    return Pictures(pixels.to(torch.uint8), torch.arange(count), tuple(map(str, range(count))))


def test_measured_normalization_is_numpys() -> None:
    data = pictures()
    values = data.pixels.numpy().astype(np.float64) / 255
    measured = Normalization.measured(data)
    np.testing.assert_allclose(measured.mean, values.mean((0, 2, 3)), atol=5e-5)
    np.testing.assert_allclose(measured.std, values.std((0, 2, 3)), atol=5e-5)
    normalized = Normalization((0.5, 0.25, 0.0), (0.25, 0.5, 1.0))(data.pixels)
    expected = (values - np.array([0.5, 0.25, 0.0])[:, None, None]) / np.array([0.25, 0.5, 1.0])[:, None, None]
    np.testing.assert_allclose(normalized.numpy(), expected, atol=1e-6)


def test_a_flat_channel_is_not_divided_by_zero() -> None:
    flat = Pictures(torch.full((2, 3, 4, 4), 51, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), ("a",))
    assert Normalization.measured(flat) == Normalization((0.2, 0.2, 0.2), (1.0, 1.0, 1.0))


def crops_of(picture: Tensor, padding: int) -> list[Tensor]:
    """Every crop and its mirror image, from numpy's reflection padding."""
    _, height, width = picture.shape
    padded = np.pad(picture.numpy(), ((0, 0), (padding, padding), (padding, padding)), mode="reflect")
    result = []
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            crop = padded[:, top : top + height, left : left + width]
            result += [torch.from_numpy(crop.copy()), torch.from_numpy(crop[..., ::-1].copy())]
    return result


def test_augmented_pictures_are_reflected_crops_or_their_mirror_images() -> None:
    data = pictures(60)
    augmented = augment(data.pixels, RECIPE, torch.Generator().manual_seed(1))
    assert augmented.shape == data.pixels.shape
    assert augmented.dtype == torch.uint8
    seen = set()
    for before, after in zip(data.pixels, augmented, strict=True):
        matches = [index for index, crop in enumerate(crops_of(before, 2)) if torch.equal(crop, after)]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) > 20  # of 50: each picture draws its own


def test_without_crop_and_flip_nothing_changes() -> None:
    data = pictures()
    plain = dataclasses.replace(RECIPE, crop_padding=0, flip=False)
    assert torch.equal(augment(data.pixels, plain, torch.Generator().manual_seed(1)), data.pixels)


def test_an_epoch_shows_each_picture_at_most_once_and_orders_differ() -> None:
    data = pictures()
    epochs = [
        torch.cat([labels for _, _, labels in training_batches(data, RECIPE, epoch)]).tolist() for epoch in range(2)
    ]
    for labels in epochs:
        assert len(labels) == len(set(labels)) == 8
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("first", [0, 1])
def test_batches_are_a_function_of_seed_epoch_and_step(first: int) -> None:
    data = pictures()
    torch.manual_seed(1)
    whole = list(training_batches(data, RECIPE, 1))
    torch.manual_seed(2)
    resumed = list(training_batches(data, RECIPE, 1, first))
    for (step, pixels, labels), (other_step, other_pixels, other_labels) in zip(whole[first:], resumed, strict=True):
        assert step == other_step
        assert torch.equal(pixels, other_pixels)
        assert torch.equal(labels, other_labels)
    other_seed = next(training_batches(data, dataclasses.replace(RECIPE, seed=6), 1))
    assert not torch.equal(other_seed[1], whole[0][1])
