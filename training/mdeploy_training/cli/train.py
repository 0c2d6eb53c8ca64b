# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train train``: from pictures to a checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy_training.cli.options import (
    PATH,
    arg_option,
    channel_values,
    json_arguments,
    model_argument,
    output_option,
    pairs,
)
from mdeploy_training.recipe import load_recipe
from mdeploy_training.session import TrainingJob, run_job

__all__ = ["command"]


@click.command("train")
@model_argument
@arg_option
@click.option("--data", required=True, help="cifar10, cifar100, or a folder with train/CLASS/ and test/CLASS/.")
@click.option("--data-root", type=PATH, default=Path("data"), show_default=True, help="Where torchvision keeps CIFAR.")
@click.option("--size", type=click.IntRange(8, 4096), help="Scale and crop the pictures of a folder to this size.")
@click.option("--skip-corrupt", is_flag=True, help="Leave out pictures that cannot be decoded, and name them.")
@click.option("--mean", help="R,G,B on the scale 0..1. Default: measured on the training pictures.")
@click.option("--std", help="R,G,B on the scale 0..1. Default: measured on the training pictures.")
@click.option("--recipe", default="quick", show_default=True, help="A named recipe or a .toml file.")
@click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Override a field of the recipe.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto: the fastest there is.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads. Default: PyTorch's choice.")
@click.option("--log", type=PATH, help="One JSON line per epoch. Default: beside the checkpoint, .jsonl.")
@output_option
def command(
    model: str,
    arg: tuple[str, ...],
    data: str,
    data_root: Path,
    size: int | None,
    skip_corrupt: bool,
    mean: str | None,
    std: str | None,
    recipe: str,
    overrides: tuple[str, ...],
    device: str,
    threads: int | None,
    log: Path | None,
    output: Path,
) -> None:
    """Train MODEL on labelled pictures and write a checkpoint with its measured accuracy.

    \b
    mdeploy-train train resnest_small --data cifar10 -o small.pt
    mdeploy-train train resnest50_cifar --arg block=bottleneck --data cifar10 --set epochs=30 -o bottleneck.pt
    mdeploy-train train resnest_small --arg classes=4 --data my-pictures --size 32 -o mine.pt
    """
    run_job(
        TrainingJob(
            model=model,
            arguments=json_arguments(arg),
            data=data,
            data_root=data_root,
            size=size,
            skip_corrupt=skip_corrupt,
            mean=channel_values(mean, "--mean"),
            std=channel_values(std, "--std"),
            recipe=load_recipe(recipe, pairs(overrides, "--set")),
            device=device,
            threads=threads,
            log=log or output.with_suffix(".jsonl"),
            output=output,
        ),
        say=lambda line: click.echo(line, err=True),
    )
    click.echo(str(output))
