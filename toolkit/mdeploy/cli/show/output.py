# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How verbs print: tables by rich on stdout, or one JSON document."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console

__all__ = ["print_json", "stdout_console"]

_PIPE_WIDTH = 160


class _Console(Console):
    """rich ends the process with 1, our "a check failed", when the reader of a pipe has gone; we have one way."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        raise BrokenPipeError


def stdout_console() -> Console:
    """The console for tables. In a pipe it is wide, so that no table is cut to a terminal that is not there."""
    return _Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, soft_wrap=False)


def print_json(data: Any) -> None:
    """Print one JSON document. NaN has no place in JSON: whoever made ``data`` wrote null."""
    click.echo(json.dumps(data, indent=2, allow_nan=False))
