# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What convert made, what to check of it, and what to do next; or every node that stands in the way."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.console import Console

from mdeploy import figures
from mdeploy.cli.show.model import checklist
from mdeploy.cli.show.output import say
from mdeploy.cli.show.terminal import print_table
from mdeploy.formats.artifact import DEFAULT_ARTIFACT, INIT_NET, MODEL_ONNX, PREDICT_NET
from mdeploy.tables import Table, name, text

if TYPE_CHECKING:
    from mdeploy.caffe2.translate import UnsupportedModelError
    from mdeploy.conversion.model import Conversion
    from mdeploy.formats.manifest import Manifest

__all__ = ["conversion_tables", "findings_table", "print_conversion"]


def print_conversion(result: Conversion, console: Console) -> None:
    """Print both tables, and the commands that come next."""
    for message in result.messages:
        say(f"mdeploy: {message}", err=True)
    for table in conversion_tables(result):
        print_table(table, console)
    path = "" if result.artifact.path == DEFAULT_ARTIFACT else f" {shlex.quote(str(result.artifact.path))}"
    console.print("next:", highlight=False)
    for command, purpose in (
        (f"mdeploy parity{path}", "every backend against the original"),
        (f"mdeploy predict{path} IMAGE", "see that the preprocessing is right"),
        (f"mdeploy package{path} --target android", "what goes onto a phone"),
    ):
        console.print(f"  {command}   {purpose}", highlight=False, markup=False, soft_wrap=True)


def conversion_tables(result: Conversion) -> list[Table]:
    """What was made, and what to check."""
    manifest, path = result.artifact.manifest, result.artifact.path
    nets = (MODEL_ONNX, INIT_NET, PREDICT_NET)
    others = sorted(file for file in manifest.files if file not in nets and not file.startswith("golden/"))
    made = [
        ("parameters", figures.count(manifest.parameters)),
        ("multiply-adds", figures.count(manifest.macs)),
        ("operators", ", ".join(f"{number} {kind}" for kind, number in sorted(manifest.operators.items()))),
        ("passes", ", ".join(record.name for record in manifest.passes if record.applied) or "none applied"),
        ("golden cases", _golden(manifest)),
        *([("", manifest.coverage.describe())] if manifest.coverage is not None else []),
        *((file, figures.size(manifest.files[file].bytes)) for file in (*nets, *others) if file in manifest.files),
    ]
    return [
        Table.of_facts(f"{manifest.name} -> {path}", made),
        Table.of_facts("Check that this is what the model was trained with", checklist(manifest)),
    ]


def _golden(manifest: Manifest) -> str:
    given = ", ".join(entry.case for entry in manifest.golden if entry.made is None)
    added = sum(entry.made is not None for entry in manifest.golden)
    return f"{given} and {added} added" if added else given


def findings_table(error: UnsupportedModelError) -> Table:
    """Every node that cannot be converted."""
    columns = (text("node", key=True), name("operator"), text("why"), text("what to do"))
    rows = [(item.node, item.op_type, item.reason, item.remedy) for item in error.findings]
    return Table("", columns, rows)
