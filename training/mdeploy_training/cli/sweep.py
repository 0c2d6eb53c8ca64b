# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train sweep``: accuracy against latency over a model's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mdeploy.cli.show.output import stdout_console
from mdeploy.cli.show.terminal import print_table
from mdeploy.errors import InputError, UsageError
from mdeploy_training.cli.options import (
    arg_option,
    data_choice,
    json_arguments,
    json_pairs,
    model_argument,
    recipe_of,
    run_options,
    run_settings,
)
from mdeploy_training.run.job import TrainingJob, load_data
from mdeploy_training.run.parallel import World

__all__ = ["command"]


@click.command("sweep")
@model_argument
@arg_option
@click.option("--space", multiple=True, metavar="K=[...]", help="An argument of the model and its choices, as JSON.")
@click.option("--trials", type=click.IntRange(min=1), default=12, show_default=True, help="Trials in all.")
@click.option("--storage", metavar="URL", help="Database to keep the sweep in. Default: SQLite in the folder.")
@click.option("--name", default="sweep", show_default=True, help="Of the sweep, in its storage.")
@click.option("--bench-device", default="local", show_default=True, help="Where latency is measured, as for bench.")
@click.option("--bench-threads", type=click.IntRange(min=1), default=1, show_default=True)
@run_options(recipe="quick", folder=True)
def command(model: str, arg: tuple[str, ...], **flags: Any) -> None:
    """Search MODEL's arguments for accuracy and for latency of the converted net on the harness.

    Every trial is converted, measured, trained, converted and measured again. The same command goes on with a sweep
    that was stopped; machines that share --storage share the trials. At the end a table is printed and
    pareto.png and pareto.svg are drawn.

    \b
    mdeploy-train sweep resnest_small --data cifar10 --set epochs=5 -o sweep/ \\
        --space radix=[1,2,4] --space cardinality=[1,2] --space 'block=["basic","bottleneck"]'
    mdeploy-train sweep resnest_small --data cifar10 -o sweep/ --storage postgresql://host/sweeps \\
        --space 'widths=[[32,64,128],[64,128,256]]' --trials 50
    """
    from mdeploy_training.sweep import HarnessLatency, Sweep, draw_front, results_of, run_sweep, sweep_table

    folder: Path = flags["output"]
    if not folder.parent.is_dir() or folder.is_file():
        raise InputError(f"{folder}: -o takes a folder, in one that is there")
    measure = HarnessLatency(flags["bench_device"], flags["bench_threads"])
    data = data_choice(flags)
    job = TrainingJob(
        model=model, arguments=json_arguments(arg), data=data, recipe=recipe_of(flags), **run_settings(flags)
    )
    folder.mkdir(exist_ok=True)
    sweep = Sweep(
        job=job,
        space=json_pairs(flags["space"], "--space"),
        trials=flags["trials"],
        folder=folder,
        storage=flags["storage"] or f"sqlite:///{folder.resolve() / 'sweep.db'}",
        name=flags["name"],
        seed=job.recipe.seed,
    )
    study = run_sweep(sweep, load_data(data, World.join(job.device), _say), measure, _say)
    results = results_of(study)
    if not results:
        raise UsageError("no trial could be trained to the end: see the lines above")
    print_table(sweep_table(results), stdout_console())
    for path in draw_front(results, folder, f"{model} on {Path(data.name).name}"):
        click.echo(str(path))


def _say(line: str) -> None:
    click.echo(line, err=True)
