# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What inspect found, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from mdeploy import figures
from mdeploy.cli.show.model import checklist
from mdeploy.cli.show.output import say
from mdeploy.cli.show.terminal import print_table
from mdeploy.tables import Table, number, text

if TYPE_CHECKING:
    from mdeploy.inspection import Inspection

__all__ = ["facts_table", "operators_table", "print_inspection", "totals_table"]


def print_inspection(found: Inspection, show_all: bool, console: Console) -> None:
    """Print what goes in and out, the operators by type, and with ``show_all`` each of them."""
    print_table(facts_table(found), console)
    print_table(totals_table(found), console)
    if show_all:
        print_table(operators_table(found), console)
    for problem in found.problems:
        say(f"Caffe2 would stop here: {problem}")
    for note in found.notes:
        say(f"mdeploy: {note}", err=True)


def facts_table(found: Inspection) -> Table:
    """Inputs, outputs and files; of an artifact also how an image becomes its input, and the labels."""
    if found.manifest is not None:
        facts = checklist(found.manifest)
    else:
        blobs = (("input", found.inputs), ("output", found.outputs))
        facts = [(role, f"{blob} {figures.shape(dims)}") for role, dims_of in blobs for blob, dims in dims_of.items()]
    files = [(file, figures.size(length)) for file, length in found.files.items()]
    return Table.of_facts(f"{found.name} ({found.kind})", [*facts, *files])


def totals_table(found: Inspection) -> Table:
    """Operators by type, and their sums."""
    totals = found.totals()
    columns = (
        text("operator", key=True),
        number("count"),
        number("parameters", figures.count),
        number("on disk", figures.size),
        number("activations", figures.size, spare=1),
        number("multiply-adds", figures.count),
    )
    rows = [
        (total.type, total.count, total.parameters, total.weight_bytes, total.activation_bytes, total.macs)
        for total in totals
    ]
    sums = [sum(column) for column in zip(*(row[2:] for row in rows), strict=True)] if rows else [0, 0, 0, 0]
    footer = ("all", len(found.operators), *sums)
    return Table(figures.plural(len(found.operators), "operator"), columns, rows, footer)


def operators_table(found: Inspection) -> Table:
    """Every operator with its first output."""
    columns = (
        number("#", spare=1),
        text("operator"),
        text("output", key=True),
        number("shape"),
        number("parameters", figures.count),
        number("multiply-adds", figures.count),
    )
    rows = []
    for place, operator in enumerate(found.operators):
        output, dims = next(iter(operator.outputs.items()), (operator.name, None))
        rows.append((place, operator.type, output, figures.shape(dims), operator.parameters, operator.macs))
    return Table("", columns, rows)
