# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy predict``: the paper's Table 4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdeploy.cli import options

if TYPE_CHECKING:
    from mdeploy.backends.base import PrepareOptions

__all__ = ["command"]


@click.command("predict", short_help="Classify images on several backends and compare their scores.")
@click.argument("paths", nargs=-1, type=options.PATH, metavar="[ARTIFACT] IMAGE...", required=True)
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Classes to show per image.")
@options.backends_option
@options.prepare_options()
@options.markdown_option
@click.option("--save-inputs", metavar="DIR", type=options.PATH, help="Write each image's tensor as DIR/IMAGENAME.npy.")
@options.json_option
def command(
    paths: tuple[Path, ...],
    top: int,
    backends: tuple[str, ...] | None,
    prepare: PrepareOptions,
    markdown_file: Path | None,
    save_inputs: Path | None,
    as_json: bool,
) -> None:
    """Classify images and show the scores of each backend side by side.

    Without ARTIFACT, mdeploy-out is used. IMAGE is an image file or a folder of them. Scores are probabilities; the
    difference is the largest distance of any backend from the first column. More than three images take one row each.

    \b
    mdeploy predict ship.png
    mdeploy predict my-artifact images/ --backends torch,caffe2 --json
    """
    from mdeploy.backends.lineup import Lineup
    from mdeploy.cli.show.output import print_json, stdout_console
    from mdeploy.cli.show.prediction import print_predictions, to_markdown
    from mdeploy.evaluation.prediction import predict
    from mdeploy.formats.artifact import MANIFEST_FILE, Artifact
    from mdeploy.native.images import find_images
    from mdeploy.progress import status

    first = paths[0]
    named = (first / MANIFEST_FILE).is_file()
    artifact, images = (first, paths[1:]) if named else (Path("mdeploy-out"), paths)
    if not images:
        raise click.UsageError("an IMAGE is missing")
    with status("predict") as tell:
        opened = Artifact.open(artifact)
        report = predict(Lineup(opened, backends, prepare, tell), find_images(images), save_inputs)
    if markdown_file is not None:
        markdown_file.write_text(to_markdown(report, top), encoding="utf-8")
    if as_json:
        print_json(report.to_json(top))
    else:
        print_predictions(report, top, stdout_console())
