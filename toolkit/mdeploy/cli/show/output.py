# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How verbs print: tables by rich on stdout, or one JSON document."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

import click
from rich.console import Console
from rich.text import Text

from mdeploy.text import harmless

__all__ = ["print_json", "say", "stderr_console", "stdout_console"]

_PIPE_WIDTH = 200


class _Console(Console):
    """Texts come out of files, and rich lets escapes in them through to the terminal; here none gets there.

    rich also ends the process with 1, our "a check failed", when the reader of a pipe has gone; we have one way.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Markup is ours; what it stands round may be anybody's."""
        return super().render_str("\n".join(map(harmless, text.split("\n"))), **options)

    def on_broken_pipe(self) -> None:
        self.quiet = True
        raise BrokenPipeError


def stdout_console() -> Console:
    """The console for tables."""
    return _Console(width=_width(sys.stdout), soft_wrap=False)


def stderr_console() -> Console:
    """The console for what goes with an error."""
    return _Console(stderr=True, width=_width(sys.stderr), soft_wrap=False)


def _width(stream: TextIO) -> int | None:
    """None for what the terminal has. In a pipe COLUMNS, else wide: nothing is cut for a terminal that is not there."""
    if stream.isatty():
        return None
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else _PIPE_WIDTH


def say(line: str, err: bool = False) -> None:
    """Print one line, what cannot be shown in it replaced."""
    click.echo(harmless(line), err=err)


def print_json(data: Any) -> None:
    """Print one JSON document. NaN has no place in JSON: whoever made ``data`` wrote null."""
    click.echo(json.dumps(data, indent=2, allow_nan=False))
