# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``mdeploy-train``: one file per verb, and one line of ``VERBS``."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from mdeploy.cli.main import run
from mdeploy.cli.verbs import VerbGroup, debug_option
from mdeploy.version import __version__

__all__ = ["VERBS", "main", "root"]

VERBS: dict[str, str] = {
    "train": "Train a model on labelled images and write a checkpoint.",
    "transfer": "Train a checkpoint on to other classes.",
    "init": "Write an untrained, calibrated checkpoint to measure.",
    "summary": "Print a model's stages, parameters and multiply-adds.",
    "figures": "Draw accuracy against epoch from logs.",
    "tables": "Print accuracy and training time from logs.",
    "benchmark": "Measure training throughput by precision and layout.",
    "sweep": "Search a model's arguments for accuracy and latency.",
}
"""Name and one-line help, in the order of the work."""

root = VerbGroup(
    "mdeploy-train",
    VERBS,
    "mdeploy_training.cli",
    help="""Train ResNeSt classifiers, and write the checkpoints that `mdeploy convert` reads.

    \b
    mdeploy-train train resnest_small --data cifar10 -o small.pt
    mdeploy-train transfer small.pt --data cifar100 -o small100.pt
    mdeploy-train summary resnest50_cifar --arg block=bottleneck
    mdeploy-train figures small.jsonl
    """,
    params=[debug_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
click.version_option(__version__, "-V", "--version", prog_name="mdeploy-train")(root)


def main() -> NoReturn:
    """Entry point of the command ``mdeploy-train``."""
    sys.exit(run(sys.argv[1:], root, "mdeploy-train"))
