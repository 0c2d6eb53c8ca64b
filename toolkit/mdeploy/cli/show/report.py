# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A report as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mdeploy.formats.report import Op, Report

__all__ = ["print_comparison", "print_report"]

_OPS_SHOWN = 15


def print_report(report: Report, console: Console, title: str) -> None:
    """Print what ran where, parity, latency, the slowest operators of a profile, and warnings."""
    _print_setting(report, console, title)
    if report.parity:
        console.print(_parity_table(report))
    if report.latency_ms is not None:
        console.print(_latency_table([(title, report)]))
    if report.sustained:
        console.print(_sustained_table(report))
    if report.ops:
        console.print(_op_table(report.ops))
    for warning in report.warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}", highlight=False)
    if report.emulated:
        console.print("[yellow]emulated: parity counts, times do not[/]", highlight=False)


def print_comparison(rows: Sequence[tuple[str, Report]], console: Console) -> None:
    """Print one row of latency per report, such as one per device or shell against app."""
    console.print(_latency_table(rows))


def _print_setting(report: Report, console: Console, title: str) -> None:
    device = report.device
    cores = report.affinity.cores
    place = f"cores {_ranges(cores)}" if cores else "no cores"
    bound = "bound" if report.affinity.applied else "free"
    table = Table(title=f"{escape(report.model.name)} on {escape(title)}", title_justify="left", show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    named = " ".join(part for part in (device.manufacturer, device.model) if part) or "unnamed device"
    built = f"{report.compiler.id} {report.compiler.build_type}"
    before, after = report.thermal.before.max_c, report.thermal.after.max_c
    rows = (
        ("device", f"{named}, {device.soc or 'unknown processor'}"),
        ("system", " ".join(part for part in (device.os, device.os_version, f"({device.abi})") if part)),
        ("runs on", f"{report.threads} threads, {place} ({report.affinity.requested}, {bound}), {report.isa}"),
        (
            "runtime",
            f"{report.versions['runtime']}, {built}, {report.runner}",
        ),
        ("model", f"{_count(report.model.parameters)} parameters, {_count(report.model.macs)} MAC"),
        ("load", f"verify {_ms(report.verify_ms)}, init {_ms(report.init_ms)}, first run {_ms(report.first_run_ms)}"),
        ("peak memory", "-" if report.peak_rss_bytes is None else f"{report.peak_rss_bytes / 2**20:.1f} MiB"),
        (
            "temperature",
            f"{_degrees(before)} before, {_degrees(after)} after",
        ),
    )
    for name, text in rows:
        table.add_row(name, escape(text))
    console.print(table)


def _parity_table(report: Report) -> Table:
    table = Table(title="Parity with the golden vectors, on the device", title_justify="left")
    for heading in ("Case", "Output"):
        table.add_column(heading, no_wrap=True)
    for heading in ("max abs", "max rel", "needs tol", "tol"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for row in report.parity:
        table.add_row(
            escape(row.case),
            escape(row.output),
            _figure(row.max_abs),
            _figure(row.max_rel),
            "none" if row.required_tolerance is None else _figure(row.required_tolerance),
            f"{row.tolerance:g}",
            "[green]pass[/]" if row.passed else "[bold red]FAIL[/]",
        )
    return table


def _latency_table(rows: Sequence[tuple[str, Report]]) -> Table:
    table = Table(title="Latency in ms", title_justify="left")
    table.add_column("", no_wrap=True)
    for heading in ("p50", "p90", "p99", "mean", "std", "min", "max", "runs", "outliers"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, report in rows:
        latency = report.latency_ms
        if latency is None:
            table.add_row(escape(name), *["-"] * 9)
            continue
        figures = (latency.p50, latency.p90, latency.p99, latency.mean, latency.std, latency.min, latency.max)
        outliers = sum(len(item.outliers) for item in report.rounds)
        cells = ["-" if value is None else f"{value:.3f}" for value in figures]
        table.add_row(escape(name), *cells, str(latency.n), str(outliers))
    return table


def _sustained_table(report: Report) -> Table:
    table = Table(title="Sustained, per minute", title_justify="left")
    for heading in ("minute", "p50 ms", "p90 ms", "runs", "hottest", "status"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in report.sustained:
        status = "-" if row.thermal.status is None else str(row.thermal.status)
        figures = ["-" if value is None else f"{value:.3f}" for value in (row.p50, row.p90)]
        table.add_row(str(row.minute), *figures, str(row.n), _degrees(row.thermal.max_c), status)
    return table


def _op_table(ops: Sequence[Op]) -> Table:
    total = sum(op.ms for op in ops) or 1.0
    slowest = sorted(ops, key=lambda op: op.ms, reverse=True)[:_OPS_SHOWN]
    shown = f" (slowest {len(slowest)} of {len(ops)})" if len(slowest) < len(ops) else ""
    table = Table(title=f"Operators{shown}", title_justify="left")
    table.add_column("Output", overflow="fold")
    table.add_column("Operator", no_wrap=True)
    table.add_column("Kernel", no_wrap=True)
    for heading in ("ms", "share", "GMAC/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for op in slowest:
        rate = f"{op.macs / op.ms / 1e6:.1f}" if op.macs and op.ms > 0 else "-"
        cells = (escape(op.name), escape(op.type), escape(op.kernel or "-"))
        table.add_row(*cells, f"{op.ms:.3f}", f"{op.ms / total:.1%}", rate)
    return table


def _ranges(numbers: Sequence[int]) -> str:
    parts: list[str] = []
    start = 0
    for index in range(len(numbers)):
        if index + 1 == len(numbers) or numbers[index + 1] != numbers[index] + 1:
            first, last = numbers[start], numbers[index]
            parts.append(str(first) if first == last else f"{first}-{last}")
            start = index + 1
    return ",".join(parts)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2e}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _degrees(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} °C"


def _count(value: int | None) -> str:
    if value is None:
        return "-"
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= size:
            return f"{value / size:.2f} {unit}"
    return str(value)
