# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The learning rate as a pure function of time, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math

from mdeploy_training.run.recipe import Recipe

__all__ = ["learning_rate"]


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Return the learning rate at a time in epochs: 0 is the start, ``recipe.epochs`` the end."""
    if epoch < recipe.warmup_epochs:
        return recipe.lr * epoch / recipe.warmup_epochs
    return recipe.lr * _factor(recipe, epoch)


def _factor(recipe: Recipe, epoch: float) -> float:
    if recipe.schedule == "multistep":
        return math.pow(recipe.gamma, sum(epoch >= milestone for milestone in recipe.milestones))
    if recipe.schedule == "step":
        return math.pow(recipe.gamma, epoch // recipe.step_epochs)
    rest = recipe.epochs - recipe.warmup_epochs
    done = min(max((epoch - recipe.warmup_epochs) / rest, 0.0), 1.0) if rest > 0 else 1.0
    return 1.0 - done if recipe.schedule == "one_cycle" else 0.5 * (1.0 + math.cos(math.pi * done))
