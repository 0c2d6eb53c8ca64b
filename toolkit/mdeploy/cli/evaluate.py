# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy evaluate``: the paper's Table 5."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdeploy.cli import options
from mdeploy.cli.recording import Recorder, history_options

if TYPE_CHECKING:
    from mdeploy.backends.base import PrepareOptions

__all__ = ["command"]


@click.command("evaluate", short_help="Accuracy, agreement and time per image over test sets.")
@options.artifact_argument
@click.option("--data", type=options.PATH, required=True, help="The large test set: a folder with a folder per class.")
@click.option("--small-data", type=options.PATH, help="A small test set, laid out the same way.")
@click.option(
    "--limit", type=click.IntRange(min=1), help="Use only this many images of --data, spread over the whole set."
)
@click.option("--small-limit", type=click.IntRange(min=1), help="The same for --small-data.")
@options.backends_option
@options.prepare_options(threads=1)
@click.option(
    "--ahead",
    type=click.IntRange(min=0, max=64),
    default=1,
    show_default=True,
    help="Threads that prepare images while the backends run. 0: in between, with nothing beside a backend.",
)
@click.option("--csv", "csv_file", type=options.PATH, help="Also write the figures as CSV.")
@options.markdown_option
@history_options
@options.json_option
def command(
    artifact: Path,
    data: Path,
    small_data: Path | None,
    limit: int | None,
    small_limit: int | None,
    backends: tuple[str, ...] | None,
    prepare: PrepareOptions,
    ahead: int,
    csv_file: Path | None,
    markdown_file: Path | None,
    recorder: Recorder,
    as_json: bool,
) -> None:
    """Measure accuracy and time per image on several backends.

    Every image runs on every backend; the backends take turns, one process working at a time. The times do not include
    preparing the images. Agreement is with the first backend.

    \b
    mdeploy evaluate --data cifar10/test
    mdeploy evaluate my-artifact --data cifar10/test --small-data my-photos --csv table5.csv
    """
    from mdeploy.backends.lineup import Lineup
    from mdeploy.cli.show import evaluation as tables
    from mdeploy.cli.show.output import print_json, stdout_console
    from mdeploy.errors import UsageError
    from mdeploy.evaluation.dataset import read_image_folder
    from mdeploy.evaluation.run import evaluate
    from mdeploy.files import replace_file
    from mdeploy.formats.artifact import Artifact
    from mdeploy.progress import progress_bar

    opened = Artifact.open(artifact)
    labels = opened.manifest.labels
    if labels is None:
        raise UsageError(f"{artifact}: has no labels; convert again with --labels")
    sets = [read_image_folder(small_data, labels, small_limit)] if small_data else []
    sets.append(read_image_folder(data, labels, limit))
    with progress_bar("evaluate", sum(len(item.images) for item in sets)) as advance:
        report = evaluate(Lineup(opened, backends, prepare), sets, advance, ahead)
    for file, text in ((csv_file, tables.to_csv), (markdown_file, tables.to_markdown)):
        if file is not None:
            replace_file(file, text(report).encode())
    recorder.add(report.to_json())
    if as_json:
        print_json(report.to_json())
    else:
        tables.print_evaluation(report, stdout_console())
