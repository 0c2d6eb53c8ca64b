# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A report of the harness as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from mdeploy import figures
from mdeploy.cli.show.terminal import print_table
from mdeploy.formats.report import Report
from mdeploy.tables import Mark, Table, name, number, text

__all__ = ["latency_table", "operator_table", "parity_table", "print_comparison", "print_report", "setting_table"]

_OPS_SHOWN = 15


def print_report(report: Report, console: Console, title: str) -> None:
    """Print what ran where, parity, latency, the slowest operators of a profile, and warnings."""
    print_table(setting_table(report, title), console)
    print_table(parity_table(report), console)
    if report.latency_ms is not None:
        print_table(latency_table([(title, report)]), console)
    print_table(_sustained_table(report), console)
    print_table(operator_table(report), console)
    for warning in report.warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}", highlight=False)
    cores = len(report.device.cores)
    if 0 < cores < report.threads:
        console.print(f"[yellow]hint:[/] --threads {cores} uses every core of this device once", highlight=False)
    if report.emulated:
        console.print("[yellow]emulated: parity counts, times do not[/]", highlight=False)


def print_comparison(rows: Sequence[tuple[str, Report]], console: Console) -> None:
    """Print one row of latency per report, such as one per device or shell against app."""
    print_table(latency_table(rows), console)


def setting_table(report: Report, title: str) -> Table:
    """What ran where, and what loading it took."""
    device, affinity = report.device, report.affinity
    named = " ".join(part for part in (device.manufacturer, device.model) if part) or "unnamed device"
    system = " ".join(part for part in (device.os, device.os_version, f"({device.abi})") if part)
    built = f"{report.compiler.id} {report.compiler.build_type}"
    before, after = (figures.degrees(reading.max_c) for reading in (report.thermal.before, report.thermal.after))
    verify, init, first = map(figures.duration, (report.verify_ms, report.init_ms, report.first_run_ms))
    threads = figures.plural(report.threads, "thread")
    facts = {
        "device": f"{named}, {device.soc or 'unknown processor'}",
        "system": system,
        "runs on": f"{threads}, {figures.affinity(affinity.requested, affinity.cores, affinity.applied)}, {report.isa}",
        "runtime": f"{report.versions['runtime']}, {built}, {report.runner}",
        "model": f"{figures.count(report.model.parameters)} parameters, "
        f"{figures.count(report.model.macs)} multiply-adds",
        "load": f"verify {verify}, init {init}, first run {first}",
        **({} if report.preprocess_ms is None else {"image to input": figures.duration(report.preprocess_ms)}),
        "peak memory": figures.size(report.peak_rss_bytes),
        "temperature": f"{before} before, {after} after",
    }
    return Table.of_facts(f"{report.model.name} on {title}", facts)


def parity_table(report: Report) -> Table:
    """Every golden output against its reference, as the device found it."""
    columns = (
        name("Case", key=True),
        text("Output", spare=2),
        number("max abs", figures.difference),
        number("max rel", figures.difference, spare=1),
        number("required tol"),
        number("tol", figures.tolerance),
        name(""),
    )
    rows = [
        (
            row.case,
            row.output,
            row.max_abs,
            row.max_rel,
            figures.required_tolerance(row.required_tolerance),
            row.tolerance,
            Mark.verdict(row.passed),
        )
        for row in report.parity
    ]
    return Table("Parity with the golden vectors, on the device", columns, rows)


def latency_table(rows: Sequence[tuple[str, Report]]) -> Table:
    """A row of figures for each named report."""
    keys = ("p50", "p90", "p99", "mean", "std", "min", "max")
    columns = (text("Device", key=True), *(number(key, figures.ms) for key in keys), number("runs"), number("outliers"))
    lines: list[tuple[object, ...]] = []
    for title, report in rows:
        latency = report.latency_ms
        outliers = sum(len(item.outliers) for item in report.rounds)
        if latency is None:
            lines.append((title, *[None] * (len(keys) + 2)))
        else:
            lines.append((title, *(getattr(latency, key) for key in keys), latency.n, outliers))
    return Table("Latency in ms", columns, lines)


def _sustained_table(report: Report) -> Table:
    columns = (
        number("minute"),
        number("p50 ms", figures.ms),
        number("p90 ms", figures.ms),
        number("runs"),
        number("hottest", figures.degrees),
        number("status"),
    )
    rows = [(row.minute, row.p50, row.p90, row.n, row.thermal.max_c, row.thermal.status) for row in report.sustained]
    return Table("Sustained, per minute", columns, rows)


def operator_table(report: Report) -> Table:
    """The slowest operators of a profile."""
    total = sum(op.ms for op in report.ops) or 1.0
    slowest = sorted(report.ops, key=lambda op: op.ms, reverse=True)[:_OPS_SHOWN]
    columns = (
        text("Output", key=True),
        text("Operator"),
        text("Kernel", spare=2),
        number("ms", figures.ms),
        number("share", lambda share: figures.percentage(share, 1)),
        number("GMAC/s", lambda rate: f"{rate:.1f}", spare=1),
    )
    rows = []
    for op in slowest:
        rate = op.macs / op.ms / 1e6 if op.macs and op.ms > 0 else None
        rows.append((op.name, op.type, op.kernel, op.ms, op.ms / total, rate))
    shown = f" (slowest {len(slowest)} of {len(report.ops)})" if len(slowest) < len(report.ops) else ""
    return Table(f"Operators{shown}", columns, rows)
