# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The learning rate as a pure function of time, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math

from mdeploy_training.run.recipe import Recipe

__all__ = ["image_size", "learning_rate"]

_SIZE_STEP = 4  # pixels: few sizes, since each costs a GPU its choice of kernels


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Return the learning rate at a time in epochs: 0 is the start, ``recipe.epochs`` the end."""
    if epoch < recipe.warmup_epochs:
        return recipe.lr * epoch / recipe.warmup_epochs
    return recipe.lr * _factor(recipe, epoch)


def image_size(recipe: Recipe, epoch: int, full: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of the training images in an epoch (0 is the first), in the proportions of ``full``."""
    shorter = min(full)
    if not recipe.start_size or epoch >= recipe.grow_epochs or recipe.start_size >= shorter:
        return full
    grown = int((shorter - recipe.start_size) * epoch / recipe.grow_epochs) // _SIZE_STEP * _SIZE_STEP
    height, width = (round(side * (recipe.start_size + grown) / shorter) for side in full)
    return height, width


def _factor(recipe: Recipe, epoch: float) -> float:
    if recipe.schedule == "multistep":
        return math.pow(recipe.gamma, sum(epoch >= milestone for milestone in recipe.milestones))
    if recipe.schedule == "step":
        return math.pow(recipe.gamma, epoch // recipe.step_epochs)
    rest = recipe.epochs - recipe.warmup_epochs
    done = min(max((epoch - recipe.warmup_epochs) / rest, 0.0), 1.0) if rest > 0 else 1.0
    return 1.0 - done if recipe.schedule == "one_cycle" else 0.5 * (1.0 + math.cos(math.pi * done))
