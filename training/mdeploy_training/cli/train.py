# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train train``: from images to a checkpoint."""

from __future__ import annotations

from typing import Any

import click

from mdeploy_training.cli.options import (
    arg_option,
    data_choice,
    json_arguments,
    model_argument,
    recipe_of,
    run_options,
    run_settings,
)
from mdeploy_training.run.job import TrainingJob, run_job

__all__ = ["command"]


@click.command("train")
@model_argument
@arg_option
@run_options(recipe="quick")
def command(model: str, arg: tuple[str, ...], **flags: Any) -> None:
    """Train MODEL on labelled images and write a checkpoint with its measured accuracy.

    The number of classes comes from the data. After every epoch the checkpoint, a log and the state for --resume are
    written. SIGTERM and Ctrl-C stop between two steps and keep the state.

    \b
    mdeploy-train train resnest_small --data cifar10 -o small.pt
    mdeploy-train train resnest50_cifar --arg block=bottleneck --data cifar10 --recipe paper -o bottleneck.pt
    mdeploy-train train resnest50 --data imagenet/ --size 224 --recipe modern --set crop_area=0.08 -o resnest50.pt
    torchrun --nproc-per-node 4 -m mdeploy_training train resnest50_cifar --data cifar10 -o basic.pt
    """
    job = TrainingJob(
        model=model,
        arguments=json_arguments(arg),
        data=data_choice(flags),
        recipe=recipe_of(flags),
        **run_settings(flags),
    )
    if run_job(job, say=lambda line: click.echo(line, err=True)) is not None:
        click.echo(str(job.output))
