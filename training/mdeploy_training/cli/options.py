# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Flags and arguments that several verbs share, and how their text becomes values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from mdeploy.cli.options import PATH
from mdeploy.errors import UsageError
from mdeploy_training.run.job import DataChoice
from mdeploy_training.run.recipe import Recipe, load_recipe

__all__ = [
    "arg_option",
    "data_choice",
    "json_arguments",
    "json_pairs",
    "model_argument",
    "output_option",
    "recipe_of",
    "run_options",
    "run_settings",
]

F = TypeVar("F", bound=Callable[..., Any])


def model_argument(function: F) -> F:
    """``MODEL``: a registered name."""
    return click.argument("model")(function)


def arg_option(function: F) -> F:
    """``--arg K=V``, as the tuple ``arg``."""
    return click.option(
        "--arg", multiple=True, metavar="K=V", help="Argument of the model, such as block=basic or layers=[1,2,1]."
    )(function)


def output_option(function: F) -> F:
    """``-o FILE``, as ``output``."""
    return click.option("-o", "--output", type=PATH, required=True, help="The checkpoint to write.")(function)


def run_options(*, recipe: str, folder: bool = False) -> Callable[[F], F]:
    """Everything about a training run but its model; ``data_choice``, ``recipe_of`` and ``run_settings`` read it.

    Args:
        recipe: the default.
        folder: the verb trains many nets into a folder, instead of one into a file.
    """
    options = [
        click.option("--data", required=True, help="cifar10, cifar100, or a folder with train/CLASS/ and test/CLASS/."),
        click.option(
            "--data-root", type=PATH, default=Path("data"), show_default=True, help="Where torchvision keeps CIFAR."
        ),
        click.option("--size", type=click.IntRange(8, 4096), help="Scale and crop a folder's images to this size."),
        click.option("--skip-corrupt", is_flag=True, help="Leave out images that cannot be decoded, and name them."),
        click.option("--mean", help="R,G,B on the scale 0..1. Default: measured on the training images."),
        click.option("--std", help="R,G,B on the scale 0..1. Default: measured on the training images."),
        click.option(
            "--recipe", default=recipe, show_default=True, help="quick, fast, paper, transfer, modern, or a .toml file."
        ),
        click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Override a field of it."),
        click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto: the fastest."),
        click.option("--threads", type=click.IntRange(min=1), help="CPU threads. Default: PyTorch's choice."),
        click.option("--compile", "compiled", is_flag=True, help="Train through torch.compile."),
        click.option("--cuda-graphs", "captured", is_flag=True, help="Record training passes as CUDA graphs."),
    ]
    if folder:
        options.append(click.option("-o", "--output", type=PATH, required=True, help="The folder to write."))
    else:
        options += [
            click.option("--log", type=PATH, help="One JSON line per epoch. Default: beside the checkpoint, .jsonl."),
            click.option(
                "--save-every",
                type=click.IntRange(min=1),
                default=1,
                show_default=True,
                metavar="EPOCHS",
                help="Save checkpoint and state after so many epochs, and at the end.",
            ),
            click.option("--tensorboard", type=PATH, metavar="DIR", help="Write events for TensorBoard, too."),
            click.option("--resume", is_flag=True, help="Go on from the state beside the checkpoint, if there is one."),
            output_option,
        ]
    return lambda function: reduce(lambda wrapped, option: option(wrapped), reversed(options), function)


def data_choice(flags: Mapping[str, Any]) -> DataChoice:
    """Return what the data flags of ``run_options`` chose."""
    return DataChoice(
        name=flags["data"],
        root=flags["data_root"],
        size=flags["size"],
        skip_corrupt=flags["skip_corrupt"],
        mean=_channel_values(flags["mean"], "--mean"),
        std=_channel_values(flags["std"], "--std"),
    )


def recipe_of(flags: Mapping[str, Any]) -> Recipe:
    """Return the recipe that the flags of ``run_options`` chose."""
    return load_recipe(flags["recipe"], _pairs(flags["overrides"], "--set"))


def run_settings(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rest of the flags of ``run_options`` as arguments of a ``TrainingJob``."""
    names = ("output", "device", "threads", "compiled", "captured", "save_every", "tensorboard", "resume")
    log = flags.get("log") or flags["output"].with_suffix(".jsonl")
    return {**{name: flags[name] for name in names if name in flags}, "log": log}


def json_arguments(items: Sequence[str]) -> dict[str, Any]:
    """Split the ``K=V`` texts of ``--arg`` and read each value as JSON where it is JSON, else as text."""
    return json_pairs(items, "--arg")


def json_pairs(items: Sequence[str], flag: str) -> dict[str, Any]:
    """Split ``K=V`` texts and read each value as JSON where it is JSON, else as text."""
    return {key: _json_or_text(value) for key, value in _pairs(items, flag).items()}


def _pairs(items: Sequence[str], flag: str) -> dict[str, str]:
    result = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"{flag} takes K=V, not {item!r}")
        result[key] = value
    return result


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _channel_values(text: str | None, flag: str) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 3:
        raise UsageError(f"{flag} takes three numbers R,G,B, not {text!r}")
    return values
