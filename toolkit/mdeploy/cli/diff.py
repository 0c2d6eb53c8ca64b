# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdeploy.cli import options

if TYPE_CHECKING:
    from mdeploy.report.model import Report

__all__ = ["command"]


class _Percent(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.3
    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            share = float(str(value).removesuffix("%")) / 100
        except ValueError:
            self.fail(f"{value!r} is not a percentage", param, ctx)
        if not 0 <= share < float("inf"):
            self.fail(f"{value!r} is not a percentage of 0 or more", param, ctx)
        return share


@click.command("diff", short_help="Compare the latencies of two runs.")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--max-regression", type=_Percent(), default="5%", show_default=True, help="Exit code 1 when B is slower by more."
)
@click.option("--db", type=options.PATH, help="History file. Default: MDEPLOY_DB, or history.db in the data folder.")
@options.json_option
def command(a: str, b: str, max_regression: float, db: Path | None, as_json: bool) -> int:
    """Say whether run B is faster or slower than run A, by a test on the raw samples.

    A and B are runs of `mdeploy history`, or report files that bench wrote. Only a difference that the spread of the
    samples cannot explain, and that is past 2 %, counts as one.

    \b
    mdeploy diff 12 13
    mdeploy diff main.json change.json --max-regression 3%
    """
    from mdeploy.cli.output import print_json
    from mdeploy.errors import CheckFailed
    from mdeploy.history.diff import compare_samples

    reports = [_report(name, db) for name in (a, b)]
    samples = [report.latency_ms.samples if report.latency_ms else () for report in reports]
    result = compare_samples(*samples)
    notes = _unlike(*reports)
    if as_json:
        print_json({**result.to_json(), "max_regression": max_regression, "notes": notes})
    else:
        medians = f"{a} {result.p50_a_ms:.3f} ms, {b} {result.p50_b_ms:.3f} ms"
        interval = f"99 % interval {result.low - 1:+.1%} to {result.high - 1:+.1%}"
        runs = f"medians of {result.n_a} and {result.n_b} runs"
        click.echo(f"{result.verdict}: {medians} ({runs}), {result.change:+.1%}, {interval}")
        for note in notes:
            click.echo(f"note: {note}")
    regressed = result.verdict == "slower" and result.change > max_regression
    return CheckFailed.exit_code if regressed else 0


def _report(name: str, db: Path | None) -> Report:
    from mdeploy.errors import InputError
    from mdeploy.history.store import History
    from mdeploy.report.model import Report

    if name.isdecimal():
        document = History(db).document(int(name))
        if document.get("schema") != "mdeploy-report/1":
            raise InputError(f"run {name} is no bench: only latencies can be compared")
        return Report.from_json(document, f"run {name}")
    try:
        return Report.from_text(Path(name).read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot read {name}: {reason}") from error


def _unlike(a: Report, b: Report) -> list[str]:
    """What makes two runs hard to compare."""
    pairs = {
        "models": (a.model.name, b.model.name),
        "devices": (a.device.model or a.device.abi, b.device.model or b.device.abi),
        "threads": (a.threads, b.threads),
        "instruction sets": (a.isa, b.isa),
        "compilers": (a.compiler.id, b.compiler.id),
        "runners": (a.runner, b.runner),
    }
    return [f"different {what}: {first} and {second}" for what, (first, second) in pairs.items() if first != second]
