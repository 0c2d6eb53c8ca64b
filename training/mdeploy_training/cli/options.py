# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Flags and arguments that several verbs share, and how their text becomes values."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from mdeploy.errors import UsageError

__all__ = ["PATH", "arg_option", "channel_values", "json_arguments", "model_argument", "output_option", "pairs"]

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
"""A path as it was given; existence is for the code that opens it."""


def model_argument(function: F) -> F:
    """``MODEL``: a registered name."""
    return click.argument("model")(function)


def arg_option(function: F) -> F:
    """``--arg K=V``, as the tuple ``arg``."""
    return click.option(
        "--arg", multiple=True, metavar="K=V", help="Argument of the model, such as block=basic or layers=[1,2,1]."
    )(function)


def output_option(function: F) -> F:
    """``-o FILE``, as ``output``."""
    return click.option("-o", "--output", type=PATH, required=True, help="The checkpoint to write.")(function)


def pairs(items: Sequence[str], flag: str) -> dict[str, str]:
    """Split ``K=V`` texts."""
    result = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"{flag} takes K=V, not {item!r}")
        result[key] = value
    return result


def json_arguments(items: Sequence[str]) -> dict[str, Any]:
    """Split ``K=V`` texts and read each value as JSON where it is JSON, else as text."""
    return {key: _json_or_text(value) for key, value in pairs(items, "--arg").items()}


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def channel_values(text: str | None, flag: str) -> tuple[float, ...] | None:
    """Read ``R,G,B``."""
    if text is None:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 3:
        raise UsageError(f"{flag} takes three numbers R,G,B, not {text!r}")
    return values
