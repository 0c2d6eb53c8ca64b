# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The parity report as a table for people."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mdeploy.comparison.inspection import Inspection
from mdeploy.comparison.layers import LayersReport
from mdeploy.comparison.run import BackendResult, OutputResult, ParityReport

__all__ = ["print_inspection", "print_report"]

_VERDICTS = {"passed": "[green]pass[/]", "failed": "[bold red]FAIL[/]", "missing": "-", "error": "[bold red]ERROR[/]"}


def print_report(report: ParityReport, console: Console) -> None:
    """Print one row per backend, case and output, then what is missing and the verdict."""
    many_outputs = len({output.output for backend in report.backends for output in backend.outputs}) > 1
    rule = report.tolerance.describe()
    table = Table(title=f"Parity of {escape(report.artifact)} with {report.reference} ({rule})", title_justify="left")
    table.add_column("Runtime", no_wrap=True)
    table.add_column("Case", no_wrap=True)
    if many_outputs:
        table.add_column("Output")
    for heading in ("max abs", "max rel", "1-cosine", "worst at", "NaN/Inf", "top-1", "needs tol"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for backend in report.backends:
        for row, output in enumerate(backend.outputs):
            name = f"{backend.title} {backend.version}".strip() if row == 0 else ""
            last = row == len(backend.outputs) - 1
            table.add_row(escape(name), *_cells(output, many_outputs), end_section=last)
    if table.row_count:
        console.print(table)
    for backend in report.backends:
        if not backend.ran:
            console.print(_line(backend), highlight=False)
        for output in backend.outputs:
            if output.comparison.problem:
                text = f"{backend.title}: {output.case}: {output.output}: {output.comparison.problem}"
                console.print(f"[red]{escape(text)}[/]", highlight=False)
    for warning in report.warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}", highlight=False)
    ran = [backend for backend in report.backends if backend.ran]
    passed = sum(backend.status == "passed" for backend in ran)
    colour = "green" if report.exit_code == 0 else "bold red"
    console.print(
        f"[{colour}]{passed} of {len(ran)} runtimes agree with {report.reference} at {rule}[/]", highlight=False
    )


def _cells(output: OutputResult, many_outputs: bool) -> list[str]:
    result = output.comparison
    cells = [escape(output.case)]
    if many_outputs:
        cells.append(escape(output.output))
    cells += [
        _figure(result.max_abs),
        _figure(result.max_rel),
        "-" if result.cosine is None else f"{max(0.0, 1 - result.cosine):.1e}",
        "-" if result.worst_index is None else ",".join(map(str, result.worst_index)),
        f"{result.nonfinite}" + (f" ({result.misplaced} misplaced)" if result.misplaced else ""),
        f"{result.top1_agreement:.0%}",
        "none" if result.required_tolerance is None else _figure(result.required_tolerance),
        _VERDICTS["passed" if result.passed else "failed"],
    ]
    return cells


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2e}"


def _line(backend: BackendResult) -> str:
    remedy = f" (install: {backend.install})" if backend.install else ""
    mark = "[bold red]could not run[/]" if backend.status == "error" else "[dim]not run[/]"
    return f"{escape(backend.title)}: {mark}: {escape(backend.reason + remedy)}"


def print_inspection(inspection: Inspection, console: Console, limit: int) -> None:
    """Print the ``limit`` worst tensors of each backend, the first one past the tolerance, and the part cut out."""
    _print_layers(inspection.layers, console, limit)
    if inspection.culprit is not None:
        console.print(f"[bold red]{escape(inspection.culprit.describe())}[/]", highlight=False)
        console.print(f"saved as an artifact of its own: {escape(str(inspection.part))}", highlight=False)
    elif inspection.bisected:
        console.print("nothing to cut out", highlight=False)


def _print_layers(report: LayersReport, console: Console, limit: int) -> None:
    for backend in report.backends:
        if backend.reason:
            console.print(
                f"{escape(backend.title)}: [bold red]could not run[/]: {escape(backend.reason)}", highlight=False
            )
            continue
        title = f"{backend.title}: {len(backend.layers)} tensors against {report.reference}, worst first"
        table = Table(title=escape(title), title_justify="left")
        table.add_column("#", justify="right", no_wrap=True)
        table.add_column("Blob")
        for heading in ("Operator", "of ONNX", "Case"):
            table.add_column(heading, no_wrap=True)
        for heading in ("max abs", "1-cosine", "worst at", "needs tol"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        for layer in backend.worst_first[:limit]:
            result = layer.comparison
            table.add_row(
                str(layer.index),
                escape(layer.blob),
                layer.operator,
                layer.onnx_operator,
                escape(layer.case),
                _figure(result.max_abs),
                "-" if result.cosine is None else f"{max(0.0, 1 - result.cosine):.1e}",
                "-" if result.worst_index is None else ",".join(map(str, result.worst_index)),
                _figure(layer.required) if layer.required < float("inf") else "none",
                _VERDICTS["passed" if layer.passed else "failed"],
            )
        console.print(table)
        first = backend.first_beyond
        if first is None:
            console.print(f"[green]every tensor is within {report.tolerance.describe()}[/]", highlight=False)
        else:
            where = f"{escape(first.blob)} (operator {first.index}, {first.operator})"
            console.print(f"[bold red]the first tensor past the tolerance is {where}[/]", highlight=False)
