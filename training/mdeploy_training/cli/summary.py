# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train summary``: what a configuration is made of."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from mdeploy import figures
from mdeploy.cli.options import json_option
from mdeploy.cli.show.output import stdout_console
from mdeploy.cli.show.terminal import print_table
from mdeploy.tables import Table, number, text
from mdeploy_training.cli.options import arg_option, json_arguments, model_argument
from mdeploy_training.models.counting import Part, count_parts
from mdeploy_training.models.registry import full_arguments, new_model

__all__ = ["command"]

_PUBLISHED = {
    ("resnest50", "bottleneck", 224): "Zhang et al. give 27.5 M parameters and 5.39 GFLOPs (multiply-adds) at 224x224.",
    ("resnest50_cifar", "basic", 32): "Fu and Ge give a file of 128 MB (PyTorch) and 115 MB (Caffe2), Table 5.",
}


@click.command("summary")
@model_argument
@arg_option
@click.option("--size", type=click.IntRange(8, 4096), help="Height and width. Default: 224 for resnest50, else 32.")
@json_option
def command(model: str, arg: tuple[str, ...], size: int | None, as_json: bool) -> None:
    """Print the stages of MODEL with their parameters and multiply-accumulates.

    \b
    mdeploy-train summary resnest50_cifar --arg block=bottleneck
    mdeploy-train summary resnest50 --size 224
    """
    arguments = json_arguments(arg)
    side = size or (224 if model == "resnest50" else 32)
    parts = count_parts(new_model(model, arguments), (1, 3, side, side))
    parameters, macs = sum(part.parameters for part in parts), sum(part.macs for part in parts)
    block = str(full_arguments(model, arguments).get("block"))
    published = _PUBLISHED.get((model, block, side))
    if as_json:
        data: dict[str, Any] = {"model": model, "arguments": arguments, "size": side}
        data |= {"parameters": parameters, "macs": macs, "float32_bytes": 4 * parameters, "published": published}
        click.echo(json.dumps({**data, "parts": [dataclasses.asdict(part) for part in parts]}, indent=2))
        return
    print_table(_table(f"{model} ({block}) at {side}x{side}" if block != "None" else model, parts), stdout_console())
    click.echo(
        f"{figures.count(parameters)} parameters ({figures.size(4 * parameters)} as float32), "
        f"{figures.count(macs)} multiply-adds for one image"
    )
    if published:
        click.echo(published)


def _table(title: str, parts: list[Part]) -> Table:
    columns = (
        text("part", key=True),
        number("blocks"),
        number("output", figures.shape),
        number("parameters", figures.count),
        number("multiply-adds", figures.count),
    )
    return Table(
        title, columns, [(part.name, part.blocks or "", part.shape, part.parameters, part.macs) for part in parts]
    )
