# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train benchmark``: training throughput by precision and layout."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import click
import torch

from mdeploy import figures
from mdeploy.cli.options import json_option
from mdeploy.cli.show.output import stdout_console
from mdeploy.cli.show.terminal import print_table
from mdeploy.progress import progress_bar
from mdeploy.tables import Table, name, number, text
from mdeploy_training.cli.options import arg_option, json_arguments, model_argument
from mdeploy_training.models.registry import new_model
from mdeploy_training.run.job import device_name
from mdeploy_training.run.optimization import head_of
from mdeploy_training.run.parallel import World
from mdeploy_training.run.recipe import Recipe
from mdeploy_training.run.throughput import Throughput, measure_throughput

__all__ = ["command", "throughput_table"]


@click.command("benchmark")
@model_argument
@arg_option
@click.option("--size", type=click.IntRange(8, 4096), default=32, show_default=True, help="Height and width.")
@click.option("--batch", type=click.IntRange(min=2), default=128, show_default=True)
@click.option("--steps", type=click.IntRange(min=1), default=2, show_default=True, help="Steps in each round.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Rounds of each form.")
@click.option("--device", default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads. Default: PyTorch's choice.")
@json_option
def command(
    model: str,
    arg: tuple[str, ...],
    size: int,
    batch: int,
    steps: int,
    rounds: int,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure the training throughput of MODEL in float32 and bfloat16, contiguous and channels-last.

    The forms take turns, so that whatever else runs slows all of them; the median round counts. The peak is the best
    large matrix product of this device in the same precision, and what is held against it are the multiply-adds of
    convolutions and linear layers, three passes of them.

    \b
    mdeploy-train benchmark resnest50_cifar
    """
    if threads is not None:
        torch.set_num_threads(threads)
    arguments, world = json_arguments(arg), World.join(device)
    classes = head_of(new_model(model, arguments))[1].out_features
    recipe = Recipe(epochs=1, batch=batch, lr=0.01, momentum=0.9, nesterov=True, schedule="cosine")
    with progress_bar(f"training {model}", 4 * (rounds + 1) * steps) as advance:
        found = measure_throughput(
            lambda: new_model(model, arguments),
            size,
            classes,
            recipe,
            world,
            steps=steps,
            rounds=rounds,
            advance=advance,
        )
    if as_json:
        about = {"model": model, "arguments": arguments, "size": size, "batch": batch}
        about |= {"device": device_name(world.device), "threads": torch.get_num_threads()}
        click.echo(json.dumps({**about, "forms": [dataclasses.asdict(form) for form in found]}, indent=2))
        return
    title = f"{model}, batch {batch}, {size}x{size}, {device_name(world.device)}"
    print_table(throughput_table(title, found), stdout_console())


def throughput_table(title: str, forms: Sequence[Throughput]) -> Table:
    """A row for each form."""
    columns = (
        name("precision", key=True),
        text("layout", key=True),
        number("images/s", "{:.1f}".format),
        number("over plain float32", "{:.2f}x".format),
        number("of the peak", lambda share: figures.percentage(share, 1)),
    )
    rows = []
    for form in forms:
        layout = "channels-last" if form.channels_last else "contiguous"
        layout += ", CUDA graph" if form.captured else ""
        rows.append((form.precision, layout, form.images_per_second, form.over_plain, form.share_of_peak))
    return Table(title, columns, rows)
