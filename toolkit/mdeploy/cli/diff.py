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
@click.argument("a", metavar="A[,A]...")
@click.argument("b", metavar="B[,B]...")
@click.option(
    "--max-regression", type=_Percent(), default="5%", show_default=True, help="Exit code 1 when B is slower by more."
)
@click.option("--db", type=options.PATH, help="History file. Default: MDEPLOY_DB, or history.db in the data folder.")
@options.json_option
def command(a: str, b: str, max_regression: float, db: Path | None, as_json: bool) -> int:
    """Say whether run B is faster or slower than run A, by a test on the raw samples.

    A and B are runs of `mdeploy history`, or report files that bench wrote; several on each side, with commas between,
    find smaller differences, best when A and B were run in turn. Only a difference that neither the samples nor the
    usual spread of runs of one build explains counts as one: about 3 % for one run of each, 1 % for ten.

    \b
    mdeploy diff 12 13
    mdeploy diff 12,14,16,18,20 13,15,17,19,21
    mdeploy diff main.json change.json --max-regression 3%
    """
    from mdeploy.cli.output import print_json
    from mdeploy.errors import CheckFailed
    from mdeploy.history.diff import compare_runs

    sides = [[_report(name, db) for name in _names(side)] for side in (a, b)]
    first, second = (
        [report.latency_ms.samples if report.latency_ms else () for report in reports] for reports in sides
    )
    result = compare_runs(first, second)
    notes = _unlike([report for side in sides for report in side])
    if result.medians_differ and result.verdict == "no difference":
        notes.append(
            f"the medians differ by {result.median_ratio - 1:+.1%}, the fast runs do not: other load, or a part of the "
            "runs is slower"
        )
    if as_json:
        print_json({**result.to_json(), "max_regression": max_regression, "notes": notes})
    else:
        click.echo(
            f"{result.verdict}: {result.change:+.1%}, 99 % interval {result.low - 1:+.1%} to {result.high - 1:+.1%}"
        )
        click.echo(f"  A {_side(a, result.p50_a_ms, result.n_a, result.runs_a)}")
        click.echo(f"  B {_side(b, result.p50_b_ms, result.n_b, result.runs_b)}")
        for note in notes:
            click.echo(f"note: {note}")
    regressed = result.verdict == "slower" and result.change > max_regression
    return CheckFailed.exit_code if regressed else 0


def _side(name: str, median: float, samples: int, runs: int) -> str:
    return f"{name}: median {median:.3f} ms, {samples} samples" + (f" of {runs} runs" if runs > 1 else "")


def _names(side: str) -> list[str]:
    """A file may have a comma in its name; several runs have commas between them."""
    from mdeploy.errors import UsageError

    names = [side] if Path(side).is_file() else [name.strip() for name in side.split(",")]
    if not all(names):
        raise UsageError(f"{side!r} is not a list of runs")
    return names


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


def _unlike(reports: list[Report]) -> list[str]:
    """What makes runs hard to compare."""
    facts = {
        "models": [report.model.name for report in reports],
        "devices": [report.device.model or report.device.abi for report in reports],
        "threads": [str(report.threads) for report in reports],
        "instruction sets": [report.isa for report in reports],
        "compilers": [report.compiler.id for report in reports],
        "runners": [report.runner for report in reports],
    }
    distinct = {what: list(dict.fromkeys(values)) for what, values in facts.items()}
    return [f"different {what}: {' and '.join(values)}" for what, values in distinct.items() if len(values) > 1]
