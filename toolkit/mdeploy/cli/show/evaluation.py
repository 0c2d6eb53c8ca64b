# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation as tables: the columns of the paper's Table 5 and what belongs beside them."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from mdeploy import figures
from mdeploy.cli.show.terminal import print_table
from mdeploy.evaluation.run import EvaluationReport, RuntimeOnSet, SetResult
from mdeploy.evaluation.statistics import Share
from mdeploy.tables import Column, Table, name, number, text

__all__ = ["paper_table", "print_evaluation", "runtime_table", "set_table", "to_csv", "to_markdown"]

_SHOWN = 20  # disagreements on the terminal
_LISTED = 200  # and in Markdown; JSON has them all


def print_evaluation(report: EvaluationReport, console: Console) -> None:
    """Print a table for each test set with the images that backends disagree on, then the backends themselves."""
    for result in report.sets:
        print_table(set_table(report, result), console)
        for item in result.disagreements[:_SHOWN]:
            says = ", ".join(f"{backend}: {label}" for backend, label in item.classes.items())
            console.print(f"  disagree on {escape(item.image)}: {escape(says)}", highlight=False)
        if len(result.disagreements) > _SHOWN:
            console.print(f"  and {len(result.disagreements) - _SHOWN} more (--json lists all)")
    print_table(runtime_table(report), console)
    for backend, reason in report.missing:
        console.print(f"{escape(backend)}: [dim]not run[/]: {escape(reason)}", highlight=False)


def paper_table(report: EvaluationReport) -> Table:
    """The paper's Table 5: accuracy and mean time on every test set, and the size of the model."""
    columns: list[Column] = [text("Runtime", key=True)]
    for result in report.sets:
        images = f"{result.images:,} images"
        columns += [number(f"Test acc, {images} (%)", _percent), number(f"Avg time, {images} (ms)", figures.ms)]
    rows = []
    for index, runtime in enumerate(report.runtimes):
        row: list[object] = [runtime.title]
        for result in report.sets:
            on_set = result.runtimes[index]
            row += [on_set.top1, on_set.times.mean_ms]
        rows.append([*row, runtime.model_bytes])
    title = f"{report.artifact}, {_threads(report.threads)}"
    return Table(title, [*columns, number("Model size (MB)", figures.megabytes)], rows)


def set_table(report: EvaluationReport, result: SetResult) -> Table:
    """Every backend on one test set."""
    columns = (
        text("Backend", key=True),
        number("top-1 %", _percent),
        number("95% interval", _interval),
        number("top-5 %", _percent, spare=1),
        number("same class as reference"),
        number("max difference", lambda value: f"{value:.1e}", spare=2),
        number("mean ms", figures.ms, spare=4),
        number("median ms", figures.ms),
        number("p90 ms", figures.ms, spare=5),
        number("p99 ms", figures.ms, spare=3),
    )
    titles = {runtime.name: runtime.title for runtime in report.runtimes}
    return Table(result.title, columns, [_set_row(titles[row.runtime], row) for row in result.runtimes])


def _set_row(title: str, row: RuntimeOnSet) -> tuple[object, ...]:
    times = row.times
    same = "reference" if row.agreement is None else f"{row.agreement.count}/{row.agreement.total}"
    figures_of_time = (times.mean_ms, times.p50_ms, times.p90_ms, times.p99_ms)
    return (title, row.top1, row.top1, row.top5, same, row.max_difference, *figures_of_time)


def runtime_table(report: EvaluationReport) -> Table:
    """What does not depend on a test set."""
    columns = (
        text("Backend", key=True),
        name("Version"),
        number("Model MB", figures.megabytes),
        number("Load ms", lambda seconds: f"{seconds * 1e3:.0f}"),
        number("Peak memory MB", figures.megabytes),
    )
    rows = [
        (runtime.title, runtime.version, runtime.model_bytes, runtime.load_seconds, runtime.peak_memory_bytes)
        for runtime in report.runtimes
    ]
    return Table("Backends", columns, rows)


def to_markdown(report: EvaluationReport) -> str:
    """The whole evaluation as Markdown."""
    paper = paper_table(report)
    parts = [f"## {paper.title}\n", paper.markdown()]
    for result in report.sets:
        parts.append(f"### {result.title}\n\n" + set_table(report, result).markdown())
        if not result.disagreements and len(result.runtimes) > 1:
            parts.append("Every backend names the same class for every image.\n")
        elif result.disagreements:
            lines = "\n".join(
                f"- {item.image}: " + ", ".join(f"{backend} says {label}" for backend, label in item.classes.items())
                for item in result.disagreements[:_LISTED]
            )
            if len(result.disagreements) > _LISTED:
                lines += f"\n- and {len(result.disagreements) - _LISTED} more"
            parts.append(f"Images on which the backends disagree:\n\n{lines}\n")
    parts.append("### Backends\n\n" + runtime_table(report).markdown())
    if report.missing:
        parts.append("Not run:\n\n" + "".join(f"- {backend}: {reason}\n" for backend, reason in report.missing))
    return "\n".join(parts)


_CSV_COLUMNS = (
    *("set", "pictures", "runtime", "version", "top1", "top1_low95", "top1_high95", "top5", "agreement"),
    *("max_difference", "mean_ms", "p50_ms", "p90_ms", "p99_ms", "load_ms", "model_bytes", "peak_memory_bytes"),
)


def to_csv(report: EvaluationReport) -> str:
    """One row per test set and backend, numbers in full."""
    runtimes = {runtime.name: runtime for runtime in report.runtimes}
    rows: list[tuple[object, ...]] = []
    for result in report.sets:
        for row in result.runtimes:
            runtime, times = runtimes[row.runtime], row.times
            shares = (row.top1.value, *row.top1.interval, _value(row.top5), _value(row.agreement))
            milliseconds = (times.mean_ms, times.p50_ms, times.p90_ms, times.p99_ms, runtime.load_seconds * 1e3)
            head = (result.title, result.images, row.runtime, runtime.version, *shares, row.max_difference)
            rows.append((*head, *milliseconds, runtime.model_bytes, runtime.peak_memory_bytes))
    return Table("", tuple(map(name, _CSV_COLUMNS)), rows).csv()


def _value(share: Share | None) -> float | None:
    return None if share is None else share.value


def _percent(share: Share) -> str:
    return figures.percent(share.value)


def _interval(share: Share) -> str:
    low, high = share.interval
    return f"{figures.percent(low)} to {figures.percent(high)}"


def _threads(threads: int) -> str:
    return figures.plural(threads, "thread") if threads else "each backend's own number of threads"
