# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``mdeploy-train``: one file per verb."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from mdeploy import __version__
from mdeploy.cli.main import debug_option, run
from mdeploy_training.cli import benchmark, figures, init, summary, sweep, tables, train, transfer

__all__ = ["main", "root"]


@click.group(
    params=[debug_option()], context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120}
)
@click.version_option(__version__, "-V", "--version", prog_name="mdeploy-train")
def root() -> None:
    """Train ResNeSt classifiers, and write the checkpoints that `mdeploy convert` reads.

    \b
    mdeploy-train train resnest_small --data cifar10 -o small.pt
    mdeploy-train transfer small.pt --data cifar100 -o small100.pt
    mdeploy-train summary resnest50_cifar --arg block=bottleneck
    mdeploy-train figures small.jsonl
    """


for _verb in (module.command for module in (train, transfer, init, summary, figures, tables, benchmark, sweep)):
    _verb.params.append(debug_option())
    root.add_command(_verb)


def main() -> NoReturn:
    """Entry point of the command ``mdeploy-train``."""
    sys.exit(run(sys.argv[1:], root, "mdeploy-train"))
