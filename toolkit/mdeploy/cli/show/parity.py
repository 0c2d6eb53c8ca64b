# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The parity reports as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from mdeploy import figures
from mdeploy.cli.show.terminal import print_table
from mdeploy.comparison.run import BackendResult, OutputResult, ParityReport
from mdeploy.comparison.tolerance import Comparison
from mdeploy.tables import Column, Mark, Table, name, number, text

if TYPE_CHECKING:  # they need onnx, which an artifact's parity does not
    from mdeploy.comparison.inspection import Inspection
    from mdeploy.comparison.layers import BackendLayers, LayersReport

__all__ = ["layers_table", "parity_table", "print_inspection", "print_report"]


def print_report(report: ParityReport, console: Console) -> None:
    """Print one row per backend, case and output, then what is missing and the verdict."""
    print_table(parity_table(report), console)
    for backend in report.backends:
        if not backend.ran:
            console.print(_line(backend), highlight=False)
        for output in backend.outputs:
            if output.comparison.problem:
                said = f"{backend.title}: {output.case}: {output.output}: {output.comparison.problem}"
                console.print(f"[red]{escape(said)}[/]", highlight=False)
    for warning in report.warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}", highlight=False)
    ran = [backend for backend in report.backends if backend.ran]
    passed = sum(backend.status == "passed" for backend in ran)
    colour = "bold red" if report.exit_code else "yellow" if report.weak else "green"
    console.print(f"[{colour}]{_verdict(report, passed, len(ran))}[/]", highlight=False)
    if report.coverage is not None:
        colour = "dim" if report.coverage.enough else "yellow"
        console.print(f"[{colour}]{escape(report.coverage.describe())}[/]", highlight=False)
    else:
        console.print("[dim]what the golden cases reach was not measured: convert again to know it[/]", highlight=False)


def _verdict(report: ParityReport, passed: int, ran: int) -> str:
    """Agreement, unless passing proves little."""
    rule = report.tolerance.describe()
    backends = f"{passed} of {figures.plural(ran, 'backend')}"
    if report.weak and report.exit_code == 0:
        held = "holds" if ran == 1 else "hold"
        return f"{backends} {held} {rule} on golden cases that hardly test the net: that is no agreement yet"
    return f"{backends} {'agrees' if ran == 1 else 'agree'} with {report.reference} at {rule}"


def parity_table(report: ParityReport) -> Table:
    """A row for each backend, case and output."""
    many_outputs = len({output.output for backend in report.backends for output in backend.outputs}) > 1
    columns = [text("Backend", key=True), name("Case", key=True), *([text("Output", key=True)] if many_outputs else [])]
    columns += [
        number("max abs", figures.difference),
        number("max rel", figures.difference, spare=1),
        number("1-cosine", _figure_of_cosine, spare=3),
        number("worst at", spare=4),
        number("NaN/Inf", spare=2),
        number("top-1", figures.percentage),
        number("required tol"),
        name(""),
    ]
    rows, sections = [], set()
    for backend in report.backends:
        title = f"{backend.title} {backend.version}".strip()
        for case, output in _shown(backend.outputs):
            result = output.comparison
            rows.append(
                (
                    title,
                    case,
                    *([output.output] if many_outputs else []),
                    result.max_abs,
                    result.max_rel,
                    result.cosine,
                    _worst(result),
                    f"{result.nonfinite}" + (f" ({result.misplaced} misplaced)" if result.misplaced else ""),
                    result.top1_agreement,
                    figures.required_tolerance(result.required_tolerance),
                    Mark.verdict(result.passed),
                )
            )
            title = ""
        sections.add(len(rows) - 1)
    heading = f"Parity of {report.artifact} with {report.reference} ({report.tolerance.describe()})"
    return Table(heading, columns, rows, sections=frozenset(sections))


def _shown(outputs: Sequence[OutputResult]) -> list[tuple[str, OutputResult]]:
    """Each case with its name; of those that conversion added, what fails, and the worst of the others as one row."""
    shown = [(output.case, output) for output in outputs if not (output.added and output.comparison.passed)]
    added = [output for output in outputs if output.added and output.comparison.passed]
    for name_ in dict.fromkeys(output.output for output in added):
        group = [output for output in added if output.output == name_]
        worst = max(group, key=lambda output: output.comparison.required_tolerance or 0.0)
        shown.append((f"{len(group)} added", worst))
    return shown


def _figure_of_cosine(cosine: float) -> str:
    return f"{max(0.0, 1 - cosine):.1e}"


def _worst(result: Comparison) -> str | None:
    return None if result.worst_index is None else ",".join(map(str, result.worst_index))


def _line(backend: BackendResult) -> str:
    remedy = f" (install: {backend.install})" if backend.install else ""
    mark = "[bold red]could not run[/]" if backend.status == "error" else "[dim]not run[/]"
    return f"{escape(backend.title)}: {mark}: {escape(backend.reason + remedy)}"


def print_inspection(inspection: Inspection, console: Console, limit: int) -> None:
    """Print the ``limit`` worst tensors of each backend, the first past the tolerance, and the subgraph cut out."""
    _print_layers(inspection.layers, console, limit)
    if inspection.culprit is not None:
        console.print(f"[bold red]{escape(inspection.culprit.describe())}[/]", highlight=False)
        console.print(f"saved as an artifact of its own: {escape(str(inspection.subgraph))}", highlight=False)
    elif inspection.bisected:
        console.print("nothing to cut out", highlight=False)


def _print_layers(report: LayersReport, console: Console, limit: int) -> None:
    for backend in report.backends:
        if backend.reason:
            console.print(
                f"{escape(backend.title)}: [bold red]could not run[/]: {escape(backend.reason)}", highlight=False
            )
            continue
        print_table(layers_table(report, backend, limit), console)
        first = backend.first_beyond
        if first is None:
            console.print(f"[green]every tensor is within {report.tolerance.describe()}[/]", highlight=False)
        else:
            where = f"{escape(first.blob)} (operator {first.index}, {first.operator})"
            console.print(f"[bold red]the first tensor past the tolerance is {where}[/]", highlight=False)


def layers_table(report: LayersReport, backend: BackendLayers, limit: int) -> Table:
    """The ``limit`` worst tensors of one backend."""
    columns: list[Column] = [
        number("#", spare=4),
        text("Blob", key=True),
        text("Operator"),
        text("of ONNX", spare=6),
        name("Case", spare=3),
        number("max abs", figures.difference),
        number("1-cosine", _figure_of_cosine, spare=5),
        number("worst at", spare=7),
        number("required tol", figures.required_tolerance),
        name(""),
    ]
    rows = [
        (
            layer.index,
            layer.blob,
            layer.operator,
            layer.onnx_operator,
            layer.case,
            layer.comparison.max_abs,
            layer.comparison.cosine,
            _worst(layer.comparison),
            layer.required,
            Mark.verdict(layer.passed),
        )
        for layer in backend.worst_first[:limit]
    ]
    tensors = figures.plural(len(backend.layers), "tensor")
    return Table(f"{backend.title}: {tensors} against {report.reference}, worst first", columns, rows)
