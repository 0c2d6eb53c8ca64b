# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The plots of the page, by Bokeh. Colours are readable on dark and on light.

What would be a single dot is not drawn: the table below has its figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from mdeploy import figures
from mdeploy.formats.evaluation import EvaluationRecord
from mdeploy.formats.parity import LayersRecord, ParityRecord
from mdeploy.formats.report import Report
from mdeploy.formats.training_log import TrainingLog
from mdeploy.reports.page.labels import Labelled

__all__ = [
    "accuracy_plot",
    "latency_distribution",
    "latency_over_time",
    "layers_plot",
    "operators_plot",
    "parity_plot",
    "sustained_plot",
    "training_plot",
]

# Okabe and Ito's palette without black and yellow, which vanish on one of the two backgrounds.
_PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
_INK = "#808080"
_MAX_POINTS = 1500
_MAX_OPERATORS = 25
_MAX_LEGEND = 40

Plot = Any


Benches = Sequence[Labelled[Report]]


def latency_distribution(benches: Benches) -> Plot | None:
    """Share of inferences that are at least as fast, one curve per bench."""
    plot = _figure("Latency: share of inferences at or below", "ms", "share of inferences", x_axis_type="log")
    drawn = False
    for (label, samples), colour in zip(_samples(benches), cycle(_PALETTE), strict=False):
        ordered = np.sort(samples)
        share = np.arange(1, ordered.size + 1) / ordered.size
        keep = _thin(ordered.size)
        data = ColumnDataSource({"ms": ordered[keep], "share": share[keep], "bench": [label] * len(keep)})
        plot.step("ms", "share", source=data, mode="after", line_width=2, color=colour, legend_label=_short(label))
        drawn = True
    return _finish(plot, [("bench", "@bench"), ("ms", "@ms{0.000}"), ("share", "@share{0.0%}")]) if drawn else None


def latency_over_time(benches: Benches) -> Plot | None:
    """Every timed inference in its order."""
    plot = _figure("Latency: one inference after the other", "inference", "ms", y_axis_type="log")
    drawn = False
    for (label, samples), colour in zip(_samples(benches), cycle(_PALETTE), strict=False):
        keep = _thin(len(samples))
        columns = {"inference": keep, "ms": np.asarray(samples)[keep], "bench": [label] * len(keep)}
        data = ColumnDataSource(columns)
        plot.scatter("inference", "ms", source=data, size=4, alpha=0.5, color=colour, legend_label=_short(label))
        drawn = True
    tips = [("bench", "@bench"), ("inference", "@inference"), ("ms", "@ms{0.000}")]
    return _finish(plot, tips) if drawn else None


def sustained_plot(benches: Benches) -> Plot | None:
    """Median (line) and 90th percentile (dashed) of each minute of a sustained bench."""
    plot = _figure("Sustained: median of each minute, and 90th percentile (dashed)", "minute", "ms")
    drawn = False
    for bench, colour in zip(benches, cycle(_PALETTE), strict=False):
        minutes = [(minute, minute.p50) for minute in bench.content.sustained if minute.p50 is not None]
        if len(minutes) > 1:
            first = minutes[0][1] or 1.0
            columns: dict[str, Any] = {"minute": [m.minute for m, _ in minutes], "ms": [p50 for _, p50 in minutes]}
            columns |= {"p90": [m.p90 for m, _ in minutes], "slower": [p50 / first - 1 for _, p50 in minutes]}
            columns["heat"] = [figures.degrees(m.thermal.max_c) for m, _ in minutes]
            data = ColumnDataSource(columns)
            label = _short(bench.label)
            plot.line("minute", "ms", source=data, line_width=2, color=colour, legend_label=label)
            dashes = {"line_dash": "dashed", "line_alpha": 0.7, "color": colour, "legend_label": label}
            plot.line("minute", "p90", source=data, **dashes)
            plot.scatter("minute", "ms", source=data, size=6, color=colour, legend_label=label)
            drawn = True
    tips = [("minute", "@minute"), ("median ms", "@ms{0.000}"), ("p90 ms", "@p90{0.000}")]
    tips += [("against the first minute", "@slower{+0.0%}"), ("hottest", "@heat")]
    return _finish(plot, tips) if drawn else None


def operators_plot(bench: Labelled[Report]) -> Plot | None:
    """Where the time of a profiled bench goes, slowest operators first."""
    total = sum(op.ms for op in bench.content.ops) or 1.0
    operators = sorted(bench.content.ops, key=lambda op: -op.ms)[:_MAX_OPERATORS]
    if not operators:
        return None
    labels = _unique([f"{op.name} ({op.type})" for op in operators])
    height = 120 + 20 * len(labels)
    plot = _figure(f"Time per operator: {bench.full}", "ms", "", y_range=labels[::-1], height=height)
    data: dict[str, Any] = {"label": labels, "ms": [op.ms for op in operators]}
    data["share"] = [op.ms / total for op in operators]
    data |= {"kernel": [op.kernel or figures.NONE for op in operators], "macs": [op.macs for op in operators]}
    plot.hbar(y="label", right="ms", height=0.7, source=ColumnDataSource(data), color=_PALETTE[0])
    tips = [
        ("operator", "@label"),
        ("ms", "@ms{0.0000} (@share{0.0%})"),
        ("kernel", "@kernel"),
        ("multiply-adds", "@macs{0,0}"),
    ]
    return _finish(plot, tips)


def parity_plot(parity: Labelled[ParityRecord]) -> Plot | None:
    """The tolerance that each backend requires in each case, on a logarithmic axis, with the one that was asked for."""
    rows = [
        (f"{backend.name}: {result.case}", result.required_tolerance)
        for backend in parity.content.backends
        for result in backend.results
        if result.required_tolerance
    ]
    if not rows:
        return None
    labels = _unique([label for label, _ in rows])
    tolerance = parity.content.tolerance.tol
    smallest = min([value for _, value in rows] + ([tolerance] if tolerance else []))
    height = 120 + 20 * len(labels)
    axis = {"x_axis_type": "log", "y_range": labels[::-1], "height": height}
    plot = _figure(f"Parity: required tolerance, {parity.full}", "tolerance", "", **axis)
    data = ColumnDataSource({"label": labels, "required": [value for _, value in rows]})
    plot.hbar(y="label", right="required", left=smallest / 10, height=0.7, source=data, color=_PALETTE[2])
    _mark(plot, tolerance, "x")
    return _finish(plot, [("case", "@label"), ("required", "@required{0.00e+0}")])


def layers_plot(layers: Labelled[LayersRecord]) -> Plot | None:
    """The tolerance that each tensor of the net requires, in the order of computation."""
    plot = _figure(f"Parity by layer, {layers.full}", "operator", "required tolerance", y_axis_type="log")
    drawn = False
    for backend, colour in zip(layers.content.backends, cycle(_PALETTE), strict=False):
        found = [layer for layer in backend.layers if layer.required_tolerance]
        if len(found) > 1:
            columns: dict[str, Any] = {"index": [layer.index for layer in found]}
            columns |= {"required": [layer.required_tolerance for layer in found]}
            columns |= {"blob": [layer.blob for layer in found], "type": [layer.operator for layer in found]}
            data = ColumnDataSource(columns)
            plot.scatter("index", "required", source=data, size=6, color=colour, legend_label=_short(backend.name))
            drawn = True
    _mark(plot, layers.content.tolerance.tol, "y")
    tips = [("blob", "@blob"), ("operator", "@type"), ("required", "@required{0.00e+0}")]
    return _finish(plot, tips) if drawn else None


def accuracy_plot(evaluation: Labelled[EvaluationRecord], place: int) -> Plot | None:
    """Accuracy against time per image; the area of a dot is the size of the model's files."""
    result = evaluation.content.sets[place]
    if len(result.runtimes) < 2:
        return None
    sizes = {backend.name: backend.model_bytes for backend in evaluation.content.runtimes}
    largest = max([size for size in sizes.values() if size] or [1])
    title = f"Accuracy, time and size (area of a dot): {result.title}, {evaluation.full}"
    plot = _figure(title, "median ms per image", "top-1 %", x_axis_type="log")
    for row, colour in zip(result.runtimes, cycle(_PALETTE), strict=False):
        size, top1, name = sizes.get(row.runtime), row.top1, row.runtime
        low, high = (top1.value if bound is None else bound for bound in (top1.low95, top1.high95))
        columns: dict[str, Any] = {"ms": [row.ms_per_picture.p50_ms], "top1": [top1.value * 100], "backend": [name]}
        columns |= {"low": [low * 100], "high": [high * 100], "mb": [figures.megabytes(size)]}
        data = ColumnDataSource(columns)
        plot.segment("ms", "low", "ms", "high", source=data, color=colour, line_width=2)
        dot = 10 + 20 * ((size or largest) / largest) ** 0.5
        plot.scatter("ms", "top1", source=data, size=dot, color=colour, alpha=0.7, legend_label=name)
    tips = [("backend", "@backend"), ("top-1 %", "@top1{0.00} (@low{0.00} to @high{0.00})")]
    return _finish(plot, [*tips, ("median ms", "@ms{0.000}"), ("model MB", "@mb")])


def training_plot(logs: Sequence[Labelled[TrainingLog]]) -> Plot | None:
    """Test accuracy by epoch: the paper's Figures 7 and 8."""
    plot = _figure("Test accuracy during training", "epoch", "accuracy %")
    drawn = False
    for log, colour in zip(logs, cycle(_PALETTE), strict=False):
        found = [(e.epoch, e.test_accuracy * 100) for e in log.content.epochs if e.test_accuracy is not None]
        if len(found) > 1:
            data = ColumnDataSource({"epoch": [epoch for epoch, _ in found], "accuracy": [a for _, a in found]})
            style = {"line_width": 2, "color": colour, "legend_label": _short(log.label)}
            plot.line("epoch", "accuracy", source=data, **style)
            drawn = True
    return _finish(plot, [("epoch", "@epoch"), ("accuracy %", "@accuracy{0.00}")]) if drawn else None


def _samples(benches: Benches) -> list[tuple[str, Any]]:
    found = [(bench.label, bench.content.latency_ms) for bench in benches]
    return [(label, np.asarray(latency.samples)) for label, latency in found if latency and len(latency.samples) > 1]


def _thin(count: int) -> Any:
    return np.unique(np.linspace(0, count - 1, min(count, _MAX_POINTS)).round().astype(int))


def _short(name: str) -> str:
    return name if len(name) <= _MAX_LEGEND else f"{name[: _MAX_LEGEND - 3]}..."


def _unique(labels: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    result = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label} #{seen[label]}")
    return result


def _mark(plot: Plot, tolerance: float, direction: str) -> None:
    """Draw the tolerance that was asked for; ``direction`` is the axis that it lies on."""
    if tolerance > 0:
        style = {"line_color": _PALETTE[3], "line_dash": "dashed", "line_width": 2}
        if direction == "x":
            plot.vspan(x=[tolerance], **style)
        else:
            plot.hspan(y=[tolerance], **style)


def _figure(title: str, x: str, y: str, **options: Any) -> Plot:
    options.setdefault("height", 320)
    tools = "pan,box_zoom,reset,save"
    plot: Plot = figure(
        title=title, x_axis_label=x, y_axis_label=y, sizing_mode="stretch_width", tools=tools, **options
    )
    plot.background_fill_alpha = 0
    plot.border_fill_alpha = 0
    plot.outline_line_color = None
    plot.title.text_color = _INK
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.grid.grid_line_color = _INK
    plot.grid.grid_line_alpha = 0.25
    for axis in plot.axis:
        axis.axis_label_text_color = axis.major_label_text_color = axis.axis_line_color = _INK
        axis.major_tick_line_color = axis.minor_tick_line_color = _INK
    return plot


def _finish(plot: Plot, tips: list[tuple[str, str]]) -> Plot:
    plot.add_tools(HoverTool(tooltips=tips))
    for legend in list(plot.legend):
        # Outside, where it hides nothing, and in two columns that a phone has room for.
        plot.center.remove(legend)
        plot.add_layout(legend, "below")
        legend.ncols = 2
        legend.label_text_font_size = "11px"
        legend.margin = legend.padding = 2
        legend.background_fill_alpha = 0
        legend.border_line_alpha = 0
        legend.label_text_color = _INK
        legend.click_policy = "hide"
    return plot
