# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Batches: order, and that any share of any batch can be made alone."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from mdeploy_training.data import Images, evaluation_batches, training_batches
from mdeploy_training.run.recipe import Recipe

RECIPE = Recipe(epochs=2, batch=4, lr=0.1, schedule="cosine", crop_padding=2, flip=True, seed=5)


def images(count: int = 10, height: int = 7, width: int = 8) -> Images:
    pixels = torch.randint(0, 256, (count, 3, height, width), generator=torch.Generator().manual_seed(0))
    return Images(pixels.to(torch.uint8), torch.arange(count), tuple(map(str, range(count))))


def test_an_epoch_shows_each_image_at_most_once_and_orders_differ() -> None:
    data = images()
    epochs = [torch.cat([batch.labels for batch in training_batches(data, RECIPE, epoch)]).tolist() for epoch in (0, 1)]
    for labels in epochs:
        assert len(labels) == len(set(labels)) == 8
    assert epochs[0] != epochs[1]


def test_batches_are_a_function_of_seed_epoch_and_step() -> None:
    data = images()
    torch.manual_seed(1)
    whole = list(training_batches(data, RECIPE, 1))
    torch.manual_seed(2)
    resumed = list(training_batches(data, RECIPE, 1, first_step=1))
    assert [batch.step for batch in resumed] == [1]
    assert torch.equal(whole[1].pixels, resumed[0].pixels)
    assert torch.equal(whole[1].labels, resumed[0].labels)
    other_seed = next(training_batches(data, dataclasses.replace(RECIPE, seed=6), 1))
    assert not torch.equal(other_seed.pixels, whole[0].pixels)


@pytest.mark.parametrize("changes", [{}, {"mixup": 0.4}, {"cutmix": 1.0}, {"randaugment": 6.0}, {"crop_area": 0.3}])
def test_parts_of_a_batch_make_up_the_whole(changes: dict[str, float]) -> None:
    data = images(72)
    recipe = dataclasses.replace(RECIPE, batch=36, **changes)  # type: ignore[arg-type]
    for epoch in range(3):
        whole = list(training_batches(data, recipe, epoch))
        parts = [list(training_batches(data, recipe, epoch, parts=3, part=part)) for part in range(3)]
        for step, batch in enumerate(whole):
            assert torch.equal(batch.pixels, torch.cat([part[step].pixels for part in parts]))
            assert torch.equal(batch.labels, torch.cat([part[step].labels for part in parts]))
            assert torch.equal(batch.other_labels, torch.cat([part[step].other_labels for part in parts]))
            assert {part[step].weight for part in parts} == {batch.weight}


def test_evaluation_sees_every_image_once() -> None:
    data = images(10)
    for parts in (1, 3):
        seen = [
            label
            for part in range(parts)
            for _, labels in evaluation_batches(data, 4, parts=parts, part=part)
            for label in labels.tolist()
        ]
        assert sorted(seen) == list(range(10))


def test_a_reader_that_stops_early_leaves_no_thread_waiting() -> None:
    batches = training_batches(images(100), RECIPE, 0)
    next(batches)
    batches.close()  # type: ignore[attr-defined]


def test_an_error_in_the_second_thread_reaches_the_reader() -> None:
    broken = dataclasses.replace(images(8), pixels=torch.zeros(2, 3, 7, 8, dtype=torch.uint8))
    with pytest.raises(IndexError):
        list(training_batches(broken, RECIPE, 0))
