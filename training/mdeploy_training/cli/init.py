# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train init``: an untrained checkpoint, for work on conversion and latency."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.formats import checkpoint
from mdeploy_training.cli.options import arg_option, json_arguments, model_argument, output_option
from mdeploy_training.data import Normalization
from mdeploy_training.models.calibration import calibrate
from mdeploy_training.models.registry import image_input, make_checkpoint, new_model

__all__ = ["command"]


@click.command("init")
@model_argument
@arg_option
@click.option(
    "--size", type=click.IntRange(8, 4096), default=32, show_default=True, help="Height and width of the input."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the calibration images.")
@output_option
def command(model: str, arg: tuple[str, ...], size: int, seed: int, output: Path) -> None:
    """Write a checkpoint of MODEL with random weights and calibrated normalisation.

    Latency does not depend on what a net has learnt, so this is enough to convert and measure one before training it.
    Its normalisation statistics come from random images, so that its outputs depend on the input as a trained
    net's do, and parity means something.

    \b
    mdeploy-train init resnest50_cifar --arg block=bottleneck -o bottleneck.pt
    mdeploy-train init resnest50 --size 224 -o resnest50.pt
    """
    arguments = json_arguments(arg)
    module = calibrate(new_model(model, arguments), (1, 3, size, size), seed)
    spec = image_input(size, size, Normalization((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)))
    checkpoint.save(make_checkpoint(model, arguments, module, spec, None, {"epochs": 0}), output)
    click.echo(str(output))
