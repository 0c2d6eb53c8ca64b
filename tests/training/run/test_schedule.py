# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Learning rates at given times, against PyTorch's own schedulers where it has them."""

from __future__ import annotations

import pytest
import torch
from torch.optim import lr_scheduler

from mdeploy_training.run.recipe import Recipe
from mdeploy_training.run.schedule import image_size, learning_rate


def optimizer(lr: float) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def test_multistep_and_step_are_pytorchs() -> None:
    multistep = Recipe(epochs=12, batch=1, lr=0.1, schedule="multistep", milestones=(4, 9), gamma=0.1)
    step = Recipe(epochs=12, batch=1, lr=0.1, schedule="step", step_epochs=5, gamma=0.5)
    theirs: list[tuple[Recipe, lr_scheduler.LRScheduler]] = [
        (multistep, lr_scheduler.MultiStepLR(optimizer(0.1), [4, 9], 0.1)),
        (step, lr_scheduler.StepLR(optimizer(0.1), 5, 0.5)),
    ]
    for recipe, scheduler in theirs:
        for epoch in range(12):
            for moment in (0.0, 0.5, 0.99):
                assert learning_rate(recipe, epoch + moment) == pytest.approx(scheduler.get_last_lr()[0])
            scheduler.optimizer.step()
            scheduler.step()


def test_cosine_is_pytorchs() -> None:
    recipe = Recipe(epochs=10, batch=1, lr=0.2, schedule="cosine")
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer(0.2), 10)
    for epoch in range(10):
        assert learning_rate(recipe, epoch) == pytest.approx(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_warm_up_rises_to_the_peak_and_the_end_is_zero(schedule: str) -> None:
    recipe = Recipe(epochs=10, batch=1, lr=0.4, schedule=schedule, warmup_epochs=2.0)  # type: ignore[arg-type]
    assert learning_rate(recipe, 0) == 0
    assert learning_rate(recipe, 0.5) == pytest.approx(0.1)
    assert learning_rate(recipe, 2) == pytest.approx(0.4)
    assert learning_rate(recipe, 6) == pytest.approx(0.2)
    assert learning_rate(recipe, 10) == pytest.approx(0, abs=1e-12)


def test_a_run_that_is_all_warm_up() -> None:
    recipe = Recipe(epochs=2, batch=1, lr=0.4, schedule="one_cycle", warmup_epochs=2.0)
    assert learning_rate(recipe, 1) == pytest.approx(0.2)
    assert learning_rate(recipe, 2) == 0


def test_images_grow_in_steps_to_their_size() -> None:
    recipe = Recipe(epochs=10, batch=1, lr=0.2, schedule="cosine", start_size=16, grow_epochs=8.0)
    assert [image_size(recipe, epoch, (32, 32))[0] for epoch in range(10)] == [16, 16, 20, 20, 24, 24, 28, 28, 32, 32]
    assert image_size(recipe, 4, (32, 48)) == (24, 36)
    assert image_size(recipe, 0, (12, 12)) == (12, 12), "smaller images are not scaled up"
    assert image_size(Recipe(epochs=10, batch=1, lr=0.2, schedule="cosine"), 0, (32, 32)) == (32, 32)
