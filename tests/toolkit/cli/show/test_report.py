# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of a report."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from mdeploy.cli.show.report import print_comparison, print_report
from mdeploy.formats.report import Report


def printed(report: Report) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    print_report(report, console, "adb:serial [x]")
    return console.export_text()


def test_shows_what_matters(document: dict[str, Any]) -> None:
    text = printed(Report.from_json(document))
    for part in (
        "tiny on adb:serial [x]",
        "Maker Phone",
        "Android 14 (arm64-v8a)",
        "2 threads, cores 4-5,7 (big, bound), neon",
        "verify -, init 4.500 ms, first run 3.250 ms",
        "12.3 MB",
        "- before, 41.5 °C after",
        "pass",
        "FAIL",
        "none",
        "2.980",
        "gemm_neon",
        "warning: 1 of 3 runs are outliers",
        "emulated: parity counts, times do not",
        "1.40 k parameters",
    ):
        assert part in text, part


def test_a_run_that_failed_early(document: dict[str, Any]) -> None:
    failed = {**document, "status": "bad_input", "error": "x", "latency_ms": None, "emulated": False}
    for key in ("parity", "ops", "rounds", "sustained", "warnings"):
        failed[key] = []
    failed["affinity"] = {"requested": "big", "cores": [], "applied": False}
    text = printed(Report.from_json(failed))
    assert "no cores" in text
    assert "Latency" not in text
    assert "Parity" not in text


def test_comparison_has_a_row_each(document: dict[str, Any]) -> None:
    report = Report.from_json(document)
    console = Console(width=160, record=True, file=io.StringIO())
    print_comparison([("shell", report), ("app", Report.from_json({**document, "latency_ms": None}))], console)
    lines = console.export_text().splitlines()
    assert any("shell" in line and "2.000" in line for line in lines)
    assert any("app" in line and "-" in line for line in lines)
