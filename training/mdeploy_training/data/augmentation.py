# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation: the random numbers of a whole batch are drawn first, then any part of the batch can be made from them.

Crop and flip are drawn per image; RandAugment's operations per group of 16 images, so that each runs on a tensor
of images at once; mixup and cutmix (Zhang et al. 2018, Yun et al. 2019) per batch, with the image at the mirrored
position as the partner.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mdeploy_training.data.source import Source
from mdeploy_training.run.recipe import Recipe

__all__ = ["Draws", "augment", "draw"]

_GROUP = 16
_OPERATIONS = 2  # of RandAugment, as in its paper


@dataclass(frozen=True)
class Draws:
    """The random numbers of one batch of B images."""

    uniform: Tensor
    """(B, 6) in [0, 1): four for the crop, one for the flip, one spare."""
    operations: Tensor
    """(groups, 2) of RandAugment: which one."""
    signs: Tensor
    """(groups, 2): 1 or -1."""
    weight: float
    """Share of the image itself in the mix; 1 where nothing is mixed."""
    box: tuple[int, int, int, int] | None
    """Top, left, bottom, right of what the partner covers (cutmix); None where images are blended (mixup)."""


def draw(recipe: Recipe, size: tuple[int, int], generator: torch.Generator) -> Draws:
    """Draw everything that a batch of images of this height and width needs."""
    uniform = torch.rand(recipe.batch, 6, generator=generator)
    groups = -(-recipe.batch // _GROUP)
    operations = torch.randint(len(_TABLE), (groups, _OPERATIONS), generator=generator)
    signs = 2 * torch.randint(2, (groups, _OPERATIONS), generator=generator) - 1
    weight, box = _draw_mix(recipe, size, generator)
    return Draws(uniform, operations, signs, weight, box)


def _draw_mix(
    recipe: Recipe, size: tuple[int, int], generator: torch.Generator
) -> tuple[float, tuple[int, int, int, int] | None]:
    if not recipe.mixup and not recipe.cutmix:
        return 1.0, None
    choice, row, column = torch.rand(3, generator=generator).tolist()
    cut = bool(recipe.cutmix) and (not recipe.mixup or choice < 0.5)
    weight = _beta(recipe.cutmix if cut else recipe.mixup, generator)
    if not cut:
        return weight, None
    height, width = size
    side = math.sqrt(1 - weight)
    middle, centre = row * height, column * width
    top, bottom = (min(max(round(middle + half * side * height), 0), height) for half in (-0.5, 0.5))
    left, right = (min(max(round(centre + half * side * width), 0), width) for half in (-0.5, 0.5))
    # The box may stick out of the image: its true area counts.
    return 1 - (bottom - top) * (right - left) / (height * width), (top, left, bottom, right)


def _beta(alpha: float, generator: torch.Generator) -> float:
    """Draw from Beta(alpha, alpha)."""
    # Johnk's method with logarithms would need a loop; torch's gamma sampler takes a generator directly.
    pair = torch._standard_gamma(torch.full((2,), alpha, dtype=torch.float64), generator=generator)
    total = pair.sum().item()
    return pair[0].item() / total if total else 0.5


def augment(
    source: Source, chosen: Tensor, positions: Tensor, draws: Draws, recipe: Recipe
) -> tuple[Tensor, Tensor, float]:
    """Make the images at some positions of a batch.

    Args:
        chosen: (B,) indices into ``source`` of the whole batch.
        positions: (n,) of the batch to make.

    Returns:
        (n, 3, H, W) uint8, the (n,) positions whose images are mixed in, and the share of the images themselves.
    """
    pixels = _alone(source, chosen, positions, draws, recipe)
    if draws.weight == 1.0:
        return pixels, positions, 1.0
    partners = len(chosen) - 1 - positions
    others = _alone(source, chosen, partners, draws, recipe)
    if draws.box is None:
        mixed = draws.weight * pixels.float() + (1 - draws.weight) * others.float()
        return mixed.round().to(torch.uint8), partners, draws.weight
    top, left, bottom, right = draws.box
    pixels[:, :, top:bottom, left:right] = others[:, :, top:bottom, left:right]
    return pixels, partners, draws.weight


def _alone(source: Source, chosen: Tensor, positions: Tensor, draws: Draws, recipe: Recipe) -> Tensor:
    """Crop, flip and distort, without mixing."""
    uniform = draws.uniform[positions]
    crops = _area_crops(uniform, recipe.crop_area) if recipe.crop_area else None
    pixels = source.fetch(chosen[positions], crops)
    padding = 0 if recipe.crop_area else recipe.crop_padding
    flipped = (uniform[:, 4:5] < 0.5) & recipe.flip
    pixels = _shifted_and_flipped(pixels, uniform, padding, flipped)
    if recipe.randaugment:
        end = 0
        # Positions run up or down by one, so the members of a group stand together.
        for group, members in itertools.groupby((positions // _GROUP).tolist()):
            start, end = end, end + len(list(members))
            part = pixels[start:end]
            for operation, sign in zip(draws.operations[group].tolist(), draws.signs[group].tolist(), strict=True):
                part = _TABLE[operation](part, sign * recipe.randaugment / 10)
            pixels[start:end] = part
    return pixels


def _shifted_and_flipped(pixels: Tensor, uniform: Tensor, padding: int, flipped: Tensor) -> Tensor:
    """Shift each image by up to ``padding`` pixels, reflected at the border, and mirror the flipped ones."""
    height, width = pixels.shape[2:]
    uniform, flipped = (values.to(pixels.device, non_blocking=True) for values in (uniform, flipped))
    shifts = (uniform[:, :2] * (2 * padding + 1)).long() - padding
    rows, columns = _reflected(shifts[:, :1], height), _reflected(shifts[:, 1:], width)
    columns = torch.where(flipped, columns.flip(1), columns)
    image = torch.arange(len(pixels), device=pixels.device).view(-1, 1, 1)
    # Channels last, so that one gather moves whole pixels.
    gathered = pixels.permute(0, 2, 3, 1)[image, rows.unsqueeze(2), columns.unsqueeze(1)]
    return gathered.permute(0, 3, 1, 2)


def _reflected(shift: Tensor, size: int) -> Tensor:
    """Return source indices (N, size) of images shifted by ``shift`` (N, 1), mirrored at the borders."""
    index = (torch.arange(size, device=shift.device) + shift).abs()
    last = size - 1
    return last - (last - index).abs()


def _area_crops(uniform: Tensor, smallest: float) -> Tensor:
    """Crops of a random area (at least ``smallest``), aspect ratio (3/4 to 4/3) and place: (n, 4) shares of 1."""
    area = smallest + (1 - smallest) * uniform[:, 0]
    ratio = torch.exp((2 * uniform[:, 1] - 1) * math.log(4 / 3))
    width = (area * ratio).sqrt().clamp(max=1)
    height = (area / ratio).sqrt().clamp(max=1)
    return torch.stack([uniform[:, 2] * (1 - width), uniform[:, 3] * (1 - height), width, height], dim=1)


def _affine(pixels: Tensor, **changes: float | list[float]) -> Tensor:
    from torchvision.transforms.v2 import functional

    settings: dict[str, object] = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], **changes}
    middle: Tensor = functional.affine(pixels, **settings, fill=[125, 123, 114])
    return middle


def _v2(name: str) -> Callable[..., Tensor]:
    from torchvision.transforms.v2 import functional

    function: Callable[..., Tensor] = getattr(functional, name)
    return function


# RandAugment's operations on (n, 3, H, W) uint8, with a signed strength in [-1, 1]; the ranges are those of its paper.
_TABLE: tuple[Callable[[Tensor, float], Tensor], ...] = (
    lambda x, _: x,
    lambda x, s: _affine(x, shear=[math.degrees(math.atan(0.3 * s)), 0.0]),
    lambda x, s: _affine(x, shear=[0.0, math.degrees(math.atan(0.3 * s))]),
    lambda x, s: _affine(x, translate=[round(0.45 * s * x.shape[3]), 0]),
    lambda x, s: _affine(x, translate=[0, round(0.45 * s * x.shape[2])]),
    lambda x, s: _affine(x, angle=30.0 * s),
    lambda x, s: _v2("adjust_brightness")(x, 1 + 0.9 * s),
    lambda x, s: _v2("adjust_saturation")(x, 1 + 0.9 * s),
    lambda x, s: _v2("adjust_contrast")(x, 1 + 0.9 * s),
    lambda x, s: _v2("adjust_sharpness")(x, 1 + 0.9 * s),
    lambda x, s: _v2("posterize")(x, 8 - round(4 * abs(s))),
    lambda x, s: _v2("solarize")(x, round(255 * (1 - abs(s)))),
    lambda x, _: _v2("autocontrast")(x),
    lambda x, _: _v2("equalize")(x),
)
