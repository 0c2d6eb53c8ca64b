# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy preprocess``: the preprocessing of an artifact that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mdeploy.cli.options import PATH
from mdeploy.cli.preprocessing import flags_from, preprocessing_options

__all__ = ["command"]


@click.command("preprocess", short_help="Say how an image becomes an artifact's input.")
@click.argument("artifact", type=PATH, required=False, default=Path("mdeploy-out"))
@preprocessing_options
def command(artifact: Path, **flags: Any) -> None:
    """Say how an image becomes the input of ARTIFACT, without converting again.

    What is not given stays as it is. The nets and the golden vectors do not change.

    \b
    mdeploy preprocess --preset imagenet
    mdeploy preprocess my-artifact --resize 256 --crop 224 --interpolation bicubic
    """
    from mdeploy.cli.show.model import checklist
    from mdeploy.cli.show.output import stdout_console
    from mdeploy.cli.show.terminal import print_table
    from mdeploy.conversion.preprocessing import PreprocessingFlags, rewrite_artifact
    from mdeploy.errors import UsageError
    from mdeploy.tables import Table

    given = flags_from(flags)
    if given == PreprocessingFlags():
        raise UsageError("nothing to change; give --preset, --resize, --crop, --mean or another flag")
    result = rewrite_artifact(artifact, given)
    print_table(Table.of_facts(str(artifact), checklist(result.manifest)), stdout_console())
