# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The flags that say how an image becomes an input, shared by convert and preprocess."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mdeploy.conversion.preprocessing import PreprocessingFlags

__all__ = ["flags_from", "preprocessing_options"]

F = TypeVar("F", bound=Callable[..., Any])

_MAX_SIDE = 16384


def _numbers(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        numbers = tuple(float(part) for part in value.split(","))
    except ValueError:
        numbers = ()
    if not 1 <= len(numbers) <= 4:
        raise click.BadParameter(f"{value!r} is not like 0.485,0.456,0.406", ctx, parameter)
    if parameter.name == "std" and min(numbers) <= 0:
        raise click.BadParameter("must be greater than zero", ctx, parameter)
    return numbers


def _sides(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", value)
    sides = tuple(int(side) for side in match.groups() if side) if match else ()
    if not sides or not all(1 <= side <= _MAX_SIDE for side in sides):
        raise click.BadParameter(f"{value!r} is not like 256 or 256x192 (height x width)", ctx, parameter)
    return sides


def _square(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    sides = _sides(ctx, parameter, value)
    return None if sides is None else (sides[0], sides[-1])


def _colour(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int, int] | None:
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,3}),(\d{1,3}),(\d{1,3})", value)
    if match is None or max(int(part) for part in match.groups()) > 255:
        raise click.BadParameter(f"{value!r} is not like 114,114,114", ctx, parameter)
    red, green, blue = (int(part) for part in match.groups())
    return red, green, blue


def _letterbox(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    if value is None:
        return None
    size, _, colour = value.partition(":")
    return _square(ctx, parameter, size), _colour(ctx, parameter, colour or "114,114,114")


_OPTIONS = (
    click.option(
        "--mean",
        metavar="R,G,B",
        callback=_numbers,
        help="Of the training images, on the scale 0 to 1, in colour order.",
    ),
    click.option(
        "--std",
        metavar="R,G,B",
        callback=_numbers,
        help="Of the training images, on the scale 0 to 1, in colour order.",
    ),
    click.option("--color-order", type=click.Choice(["rgb", "bgr", "gray"]), help="What the model was trained on."),
    click.option(
        "--preset",
        type=click.Choice(["imagenet", "imagenet-bicubic", "inception", "clip", "cifar10"]),
        help="Resize, crop, filter, mean and std as these models have them; other flags go before it.",
    ),
    click.option(
        "--resize",
        metavar="S|HxW",
        callback=_sides,
        help="The shorter side becomes S, or the image is stretched to HxW.",
    ),
    click.option(
        "--letterbox",
        metavar="HxW[:R,G,B]",
        callback=_letterbox,
        help="Fit into HxW, with that colour around. Default: 114,114,114.",
    ),
    click.option("--crop", metavar="S|HxW", callback=_square, help="From the centre; a larger one pads."),
    click.option(
        "--interpolation",
        type=click.Choice(["nearest", "box", "bilinear", "bicubic", "lanczos"]),
        help="Of the resize. Default: bilinear.",
    ),
    click.option("--no-antialias", is_flag=True, help="Shrink as torchvision does tensors with antialias=False."),
    click.option(
        "--resize-as",
        type=click.Choice(["pillow", "pillow-12", "tensor"]),
        help="What training resized: images by Pillow (pillow-12: before 13), or float tensors. Default: pillow.",
    ),
    click.option("--scale", type=click.Choice(["0-1", "0-255", "-1-1"]), help="What a pixel becomes. Default: 0-1."),
    click.option(
        "--background", metavar="R,G,B", callback=_colour, help="Under transparent pixels. Default: alpha is dropped."
    ),
    click.option(
        "--ignore-exif", is_flag=True, help="Take images as they lie in the file, not as the camera was held."
    ),
)


def preprocessing_options(function: F) -> F:
    """All of them; ``flags_from`` reads them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def flags_from(flags: dict[str, Any]) -> PreprocessingFlags:
    """What the flags say. Raises ``UsageError`` where they contradict each other."""
    from mdeploy.conversion.preprocessing import PreprocessingFlags

    sides: tuple[int, ...] = flags["resize"] or ()
    letterbox, fill = flags["letterbox"] or (None, None)
    result = PreprocessingFlags(
        mean=flags["mean"],
        std=flags["std"],
        color_order=flags["color_order"],
        preset=flags["preset"],
        short_side=sides[0] if len(sides) == 1 else None,
        size=(sides[0], sides[1]) if len(sides) == 2 else None,
        letterbox=letterbox,
        fill=fill,
        crop=flags["crop"],
        interpolation=flags["interpolation"],
        antialias=not flags["no_antialias"],
        scale=flags["scale"],
        background=flags["background"],
        arithmetic=flags["resize_as"],
        orientation="stored" if flags["ignore_exif"] else None,
    )
    result.check()
    return result
