# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train transfer``: from a trained checkpoint to other classes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from mdeploy.cli.options import PATH
from mdeploy.formats import checkpoint
from mdeploy_training.cli.options import (
    arg_option,
    data_choice,
    json_arguments,
    recipe_of,
    run_options,
    run_settings,
)
from mdeploy_training.run.job import TrainingJob, run_job

__all__ = ["command"]


@click.command("transfer")
@click.argument("start", metavar="CHECKPOINT", type=PATH)
@arg_option
@run_options(recipe="transfer")
def command(start: Path, arg: tuple[str, ...], **flags: Any) -> None:
    """Train CHECKPOINT's model with a new head on other images.

    All weights but the classifier's are the start. They are trained further (--set layer_decay=0.7 makes early stages
    slower), or kept as they are by --set freeze=true. The input keeps the checkpoint's mean and std, to which its
    weights belong, unless others are given.

    \b
    mdeploy-train transfer cifar10.pt --data cifar100 -o cifar100.pt
    mdeploy-train transfer cifar10.pt --data my-images --size 32 --recipe quick --set freeze=true -o mine.pt
    """
    trained = checkpoint.load(start)
    kept = {name: value for name, value in trained.arguments.items() if name != "classes"}
    data = data_choice(flags)
    if data.mean is None and data.std is None:
        data = dataclasses.replace(data, mean=trained.input.mean, std=trained.input.std)
    job = TrainingJob(
        model=trained.model,
        arguments={**kept, **json_arguments(arg)},
        start=trained,
        data=data,
        recipe=recipe_of(flags),
        **run_settings(flags),
    )
    if run_job(job, say=lambda line: click.echo(line, err=True)) is not None:
        click.echo(str(job.output))
