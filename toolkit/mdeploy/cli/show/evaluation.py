# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation as rows: the columns of the paper's Table 5 and what belongs beside them."""

from __future__ import annotations

import csv
import io

from mdeploy.evaluation.run import EvaluationReport, Runtime, RuntimeOnSet, SetResult
from mdeploy.evaluation.statistics import Share

__all__ = ["Table", "markdown_table", "paper_table", "runtime_table", "set_table", "to_csv", "to_markdown"]

Table = tuple[list[str], list[list[str]]]

_LISTED = 200  # disagreements in Markdown; JSON has them all


def paper_table(report: EvaluationReport) -> Table:
    """The paper's Table 5: accuracy and mean time on every test set, and the size of the model."""
    headings = ["Runtime"]
    for result in report.sets:
        name = f"{result.images:,} images"
        headings += [f"Test acc, {name} (%)", f"Avg time, {name} (ms)"]
    rows = []
    for index, runtime in enumerate(report.runtimes):
        row = [runtime.title]
        for result in report.sets:
            on_set = result.runtimes[index]
            row += [_percent(on_set.top1), f"{on_set.times.mean_ms:.3f}"]
        rows.append([*row, "-" if runtime.model_bytes is None else f"{runtime.model_bytes / 1e6:.2f}"])
    return [*headings, "Model size (MB)"], rows


def set_table(report: EvaluationReport, result: SetResult) -> Table:
    """Headings and rows for one test set."""
    headings = ["Runtime", "top-1 %", "95 % interval", "top-5 %", "same class as reference", "max difference"]
    headings += ["mean ms", "median ms", "p90 ms", "p99 ms"]
    titles = {runtime.name: runtime.title for runtime in report.runtimes}
    return headings, [_set_row(titles[row.runtime], row) for row in result.runtimes]


def _set_row(title: str, row: RuntimeOnSet) -> list[str]:
    low, high = row.top1.interval
    times = row.times
    return [
        title,
        _percent(row.top1),
        f"{low * 100:.2f} to {high * 100:.2f}",
        "-" if row.top5 is None else _percent(row.top5),
        "reference" if row.agreement is None else f"{row.agreement.count}/{row.agreement.total}",
        "-" if row.max_difference is None else f"{row.max_difference:.1e}",
        *(f"{value:.3f}" for value in (times.mean_ms, times.p50_ms, times.p90_ms, times.p99_ms)),
    ]


def runtime_table(report: EvaluationReport) -> Table:
    """Headings and rows of what does not depend on a test set."""
    headings = ["Runtime", "Version", "Model MB", "Load ms", "Peak memory MB"]
    return headings, [_runtime_row(runtime) for runtime in report.runtimes]


def _runtime_row(runtime: Runtime) -> list[str]:
    def megabytes(value: int | None) -> str:
        return "-" if value is None else f"{value / 1e6:.2f}"

    return [
        runtime.title,
        runtime.version,
        megabytes(runtime.model_bytes),
        f"{runtime.load_seconds * 1e3:.0f}",
        megabytes(runtime.peak_memory_bytes),
    ]


def to_markdown(report: EvaluationReport) -> str:
    """The whole evaluation as Markdown."""
    parts = [f"## {report.artifact}, {_threads(report.threads)}\n", markdown_table(paper_table(report))]
    for result in report.sets:
        parts.append(f"### {result.title}\n\n" + markdown_table(set_table(report, result)))
        if not result.disagreements and len(result.runtimes) > 1:
            parts.append("Every runtime names the same class for every image.\n")
        elif result.disagreements:
            lines = "\n".join(
                f"- {item.image}: " + ", ".join(f"{name} says {label}" for name, label in item.classes.items())
                for item in result.disagreements[:_LISTED]
            )
            if len(result.disagreements) > _LISTED:
                lines += f"\n- and {len(result.disagreements) - _LISTED} more"
            parts.append(f"Images on which the runtimes disagree:\n\n{lines}\n")
    parts.append("### Runtimes\n\n" + markdown_table(runtime_table(report)))
    if report.missing:
        parts.append("Not run:\n\n" + "".join(f"- {name}: {reason}\n" for name, reason in report.missing))
    return "\n".join(parts)


def to_csv(report: EvaluationReport) -> str:
    """One row per test set and runtime, numbers in full."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    header = ["set", "pictures", "runtime", "version", "top1", "top1_low95", "top1_high95", "top5", "agreement"]
    header += ["max_difference", "mean_ms", "p50_ms", "p90_ms", "p99_ms", "load_ms", "model_bytes", "peak_memory_bytes"]
    writer.writerow(header)
    runtimes = {runtime.name: runtime for runtime in report.runtimes}
    for result in report.sets:
        for row in result.runtimes:
            runtime = runtimes[row.runtime]
            low, high = row.top1.interval
            times = row.times
            writer.writerow(
                [result.title, result.images, row.runtime, runtime.version, row.top1.value, low, high]
                + ["" if row.top5 is None else row.top5.value]
                + ["" if row.agreement is None else row.agreement.value]
                + ["" if row.max_difference is None else row.max_difference]
                + [times.mean_ms, times.p50_ms, times.p90_ms, times.p99_ms, runtime.load_seconds * 1e3]
                + ["" if v is None else v for v in (runtime.model_bytes, runtime.peak_memory_bytes)]
            )
    return out.getvalue()


def markdown_table(table: Table) -> str:
    """A table in Markdown, numbers to the right."""
    headings, rows = table
    words = ("Runtime", "Class", "Image")
    lines = [headings, ["---" if heading in words else "---:" for heading in headings], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _percent(share: Share) -> str:
    return f"{share.value * 100:.2f}"


def _threads(count: int) -> str:
    return {0: "each runtime's own number of threads", 1: "1 thread"}.get(count, f"{count} threads")
