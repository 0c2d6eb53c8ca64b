# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every flag is declared once, and says what it does."""

from __future__ import annotations

import ast
import importlib
from collections import Counter
from pathlib import Path

import click

from mdeploy.cli.main import VERBS

# The same word for things that differ: one tolerance and one for each output, rows and classes, a run that is not
# recorded and reports that go into files alone.
TWICE = {"--tol", "--top", "--no-history"}


def declared(path: Path) -> list[str]:
    """The flags of every ``click.option`` call of a file, but ``--json`` and the like of other modules."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [
        argument.value
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "option"
        for argument in call.args
        if isinstance(argument, ast.Constant) and str(argument.value).startswith("--")
    ]


def test_every_flag_is_declared_once(repository: Path) -> None:
    files = (repository / "toolkit" / "mdeploy" / "cli").glob("*.py")
    counts = Counter(flag for path in files for flag in declared(path))
    assert len(counts) > 40
    assert {flag for flag, count in counts.items() if count > 1} == TWICE


def test_every_flag_has_help() -> None:
    bare = [
        f"{verb} {parameter.opts[0]}"
        for verb in VERBS
        for parameter in importlib.import_module(f"mdeploy.cli.{verb}").command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert not bare
