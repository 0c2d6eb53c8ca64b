# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdeploy.cli.convert import shape_map
from mdeploy.cli.options import PATH, json_option
from mdeploy.cli.show.output import print_json, stdout_console

if TYPE_CHECKING:
    from mdeploy.inspection import Inspection

__all__ = ["command"]


@click.command(
    "inspect",
    epilog="""\b
Examples:
  mdeploy inspect                      the artifact in mdeploy-out
  mdeploy inspect model.onnx --all
  mdeploy inspect old/predict_net.pb --init old/init_net.pb --input-shape data=1,3,227,227
""",
)
@click.argument("model", metavar="[NET_ONNX_OR_ARTIFACT]", type=PATH, default=Path("mdeploy-out"))
@click.option("--init", metavar="FILE", type=PATH, help="Init net of a Caffe2 net. Default: looked for beside it.")
@click.option(
    "--input-shape",
    "input_shapes",
    metavar="[NAME=]1,3,32,32",
    multiple=True,
    callback=shape_map,
    help="Shape of an input that the file does not fix.",
)
@click.option("--all", "show_all", is_flag=True, help="List every operator with its shapes.")
@json_option
def command(
    model: Path, init: Path | None, input_shapes: dict[str, tuple[int, ...]], show_all: bool, as_json: bool
) -> None:
    """Show what is in an artifact, an ONNX file or a Caffe2 net pair, old ones and text form included."""
    from mdeploy.inspection import inspect

    found = inspect(model, init, input_shapes)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found, show_all)


def _print(found: Inspection, show_all: bool) -> None:
    from rich.table import Table

    console = stdout_console()
    totals = found.totals()
    for role, blobs in (("input", found.inputs), ("output", found.outputs)):
        for name, shape in blobs.items():
            console.print(f"{role} {name} {_dims(shape)}", highlight=False)
    for name, size in found.files.items():
        console.print(f"file {name} {size:,} bytes", highlight=False)
    table = Table(title=f"{found.name}: {len(found.operators)} operators", title_justify="left", show_footer=True)
    columns = (
        ("operator", "all"),
        ("count", str(len(found.operators))),
        ("parameters", f"{sum(total.parameters for total in totals):,}"),
        ("bytes on disk", f"{sum(total.weight_bytes for total in totals):,}"),
        ("activation bytes", f"{sum(total.activation_bytes for total in totals):,}"),
        ("multiply-adds", f"{sum(total.macs for total in totals):,}"),
    )
    for name, footer in columns:
        table.add_column(name, footer, justify="left" if name == "operator" else "right")
    for total in totals:
        numbers = (total.count, total.parameters, total.weight_bytes, total.activation_bytes, total.macs)
        table.add_row(total.type, *(f"{number:,}" for number in numbers))
    console.print(table)
    if show_all:
        console.print(_every_operator(found))
    for problem in found.problems:
        click.echo(f"Caffe2 would stop here: {problem}")
    for note in found.notes:
        click.echo(f"mdeploy: {note}", err=True)


def _every_operator(found: Inspection) -> object:
    from rich.table import Table

    table = Table("#", "operator", "output", "shape", "parameters", "multiply-adds")
    for number, operator in enumerate(found.operators):
        name, shape = next(iter(operator.outputs.items()), (operator.name, None))
        macs = "?" if operator.macs is None else f"{operator.macs:,}"
        table.add_row(str(number), operator.type, name, _dims(shape), f"{operator.parameters:,}", macs)
    return table


def _dims(shape: tuple[int, ...] | None) -> str:
    return "?" if shape is None else "x".join(str(size) for size in shape) or "scalar"
