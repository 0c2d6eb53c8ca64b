# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How verbs print: tables by rich on stdout, or one JSON document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

__all__ = ["print_json", "stdout_console", "write_whole"]

_PIPE_WIDTH = 160


def stdout_console() -> Console:
    """The console for tables. In a pipe it is wide, so that no table is cut to a terminal that is not there."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, soft_wrap=False)


def print_json(data: Any) -> None:
    """Print one JSON document. NaN has no place in JSON: whoever made ``data`` wrote null."""
    click.echo(json.dumps(data, indent=2, allow_nan=False))


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the place and swap in, so that an interrupt leaves the old file or none."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
