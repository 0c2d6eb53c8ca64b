# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy inspect``."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.cli.options import PATH, input_shapes_option, json_option

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
@input_shapes_option
@click.option("--all", "show_all", is_flag=True, help="List every operator with its shapes.")
@json_option
def command(
    model: Path, init: Path | None, input_shapes: dict[str, tuple[int, ...]], show_all: bool, as_json: bool
) -> None:
    """Show what is in an artifact, an ONNX file or a Caffe2 net pair, old ones and text form included."""
    from mdeploy.cli.show.inspection import print_inspection
    from mdeploy.cli.show.output import print_json, stdout_console
    from mdeploy.inspection import inspect

    found = inspect(model, init, input_shapes)
    if as_json:
        print_json(found.to_json())
    else:
        print_inspection(found, show_all, stdout_console())
