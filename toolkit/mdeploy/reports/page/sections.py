# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of the page: plots and tables of each kind of document, then where the figures come from.

A run is what the history numbers; what a bench times again and again are inferences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mdeploy import figures
from mdeploy.formats.evaluation import EvaluationRecord, ShareRecord
from mdeploy.formats.parity import BackendLayersRecord, LayersRecord, ParityRecord
from mdeploy.formats.report import Report
from mdeploy.formats.training_log import TrainingLog
from mdeploy.reports.page.gather import Document
from mdeploy.reports.page.labels import Labelled, of_kind, threads
from mdeploy.tables import Mark, Table, name, number, text

__all__ = ["Section", "make_sections"]

_WORST = 8


@dataclass
class Section:
    """One part of the page."""

    title: str
    plots: list[Any] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def make_sections(documents: Sequence[Document]) -> list[Section]:
    """Every part that has something to show."""
    benches, evaluations = of_kind(documents, Report), of_kind(documents, EvaluationRecord)
    parities, layers = of_kind(documents, ParityRecord), of_kind(documents, LayersRecord)
    logs = of_kind(documents, TrainingLog)
    sections = [
        _bench_section(benches),
        _evaluation_section(evaluations),
        _parity_section(parities, layers),
        _training_section(logs),
        _provenance_section(benches, evaluations, parities, layers, logs),
    ]
    return [section for section in sections if section.plots or section.tables]


def _bench_section(benches: Sequence[Labelled[Report]]) -> Section:
    from mdeploy.reports.page import plots

    section = Section("Latency")
    if not benches:
        return section
    wanted = [plots.latency_distribution(benches), plots.latency_over_time(benches), plots.sustained_plot(benches)]
    wanted += [plots.operators_plot(bench) for bench in benches]
    section.plots = [plot for plot in wanted if plot is not None]
    section.tables = [_latency_table(benches), _device_table(benches)]
    return section


def _latency_table(benches: Sequence[Labelled[Report]]) -> Table:
    columns = (
        text("Run", key=True),
        name("When (UTC)"),
        text("Model"),
        number("inferences"),
        number("median ms", figures.ms),
        number("p90 ms", figures.ms),
        number("p99 ms", figures.ms),
        number("load ms", figures.ms),
        number("first inference ms", figures.ms),
        number("peak memory MB", figures.megabytes),
        number("parity"),
    )
    rows, notes = [], []
    for bench in benches:
        report, latency = bench.content, bench.content.latency_ms
        timed = (None,) * 4 if latency is None else (latency.n, latency.p50, latency.p90, latency.p99)
        passed = sum(result.passed for result in report.parity)
        loaded = (report.init_ms, report.first_run_ms, report.peak_rss_bytes)
        checked = f"{passed}/{len(report.parity)}" if report.parity else None
        rows.append((bench.full, bench.when, report.artifact, *timed, *loaded, checked))
        notes += [f"{bench.name}: {warning}" for warning in report.warnings]
        if report.error:
            notes.append(f"{bench.name}: {report.status}: {report.error}")
    return Table("Benches", columns, rows, notes=notes)


def _device_table(benches: Sequence[Labelled[Report]]) -> Table:
    columns = (
        text("Run", key=True),
        text("Device"),
        text("SoC"),
        text("System"),
        name("ABI"),
        number("cores"),
        number("threads"),
        name("Runs on"),
        name("Instruction set"),
        name("Runner"),
        number("hottest", figures.degrees),
        number("battery", lambda percent: f"{percent:.0f} %"),
        name("Emulated"),
    )
    rows = []
    for bench in benches:
        report, device, affinity = bench.content, bench.content.device, bench.content.affinity
        rows.append(
            (
                bench.full,
                device.model,
                device.soc,
                " ".join(filter(None, (device.os, device.os_version))),
                device.abi,
                len(device.cores) or None,
                report.threads,
                figures.affinity(affinity.requested, affinity.cores, affinity.applied),
                report.isa,
                report.runner,
                report.thermal.after.max_c,
                report.battery.level_percent,
                "yes" if report.emulated else "no",
            )
        )
    return Table("Devices", columns, rows)


def _evaluation_section(evaluations: Sequence[Labelled[EvaluationRecord]]) -> Section:
    from mdeploy.reports.page import plots

    section = Section("Accuracy")
    for evaluation in evaluations:
        for place in range(len(evaluation.content.sets)):
            plot = plots.accuracy_plot(evaluation, place)
            if plot is not None:
                section.plots.append(plot)
            section.tables.append(_set_table(evaluation, place))
    return section


def _set_table(evaluation: Labelled[EvaluationRecord], place: int) -> Table:
    columns = (
        text("Backend", key=True),
        number("top-1 %", _percent),
        number("95% interval"),
        number("top-5 %", _percent),
        number("same class as reference"),
        number("mean ms", figures.ms),
        number("median ms", figures.ms),
        number("model MB", figures.megabytes),
    )
    record, result = evaluation.content, evaluation.content.sets[place]
    backends = {backend.name: backend for backend in record.runtimes}
    rows = []
    for row in result.runtimes:
        backend, times = backends.get(row.runtime), row.ms_per_picture
        same = "reference" if row.agreement is None else f"{row.agreement.count}/{row.agreement.total}"
        shares = (row.top1, _interval(row.top1), row.top5)
        size = None if backend is None else backend.model_bytes
        title = row.runtime if backend is None else backend.title
        rows.append((title, *shares, same, times.mean_ms, times.p50_ms, size))
    about = ", ".join((record.artifact, result.title, threads(record.threads)))
    return Table(f"{about} ({evaluation.name}, {evaluation.when})", columns, rows)


def _percent(share: ShareRecord) -> str:
    return figures.percent(share.value)


def _interval(share: ShareRecord) -> str | None:
    if share.low95 is None or share.high95 is None:
        return None
    return f"{figures.percent(share.low95)} to {figures.percent(share.high95)}"


def _parity_section(parities: Sequence[Labelled[ParityRecord]], layers: Sequence[Labelled[LayersRecord]]) -> Section:
    from mdeploy.reports.page import plots

    wanted = [plots.parity_plot(parity) for parity in parities] + [plots.layers_plot(layer) for layer in layers]
    section = Section("Parity", [plot for plot in wanted if plot is not None])
    section.tables = [_parity_table(parity) for parity in parities]
    section.tables += [_worst_table(layer, backend) for layer in layers for backend in layer.content.backends]
    return section


def _parity_table(parity: Labelled[ParityRecord]) -> Table:
    columns = (
        text("Backend", key=True),
        name("Case", key=True),
        text("Output"),
        number("max abs", figures.difference),
        number("top-1", figures.percentage),
        number("required tol"),
        name(""),
    )
    record = parity.content
    rows = [
        (
            backend.title,
            result.case,
            result.output,
            result.max_abs,
            result.top1_agreement,
            figures.required_tolerance(result.required_tolerance),
            Mark.verdict(result.passed),
        )
        for backend in record.backends
        for result in backend.results
    ]
    notes = [f"{item.title}: {item.status}: {item.reason or ''}" for item in record.backends if not item.results]
    title = f"{record.artifact} against {record.reference}, {record.tolerance.describe()}"
    return Table(f"{title} ({parity.name}, {parity.when})", columns, rows, notes=[*notes, *record.warnings])


def _worst_table(layers: Labelled[LayersRecord], backend: BackendLayersRecord) -> Table:
    columns = (
        text("Tensor", key=True),
        name("Operator"),
        name("Case"),
        number("max abs", figures.difference),
        number("required tol"),
        name(""),
    )
    rows = [
        (
            layer.blob,
            layer.operator,
            layer.case,
            layer.max_abs,
            figures.required_tolerance(layer.required_tolerance),
            Mark.verdict(layer.passed),
        )
        for layer in backend.layers[:_WORST]
    ]
    beyond = backend.first_beyond
    told = "every one is within the tolerance" if beyond is None else f"the first beyond the tolerance is {beyond}"
    note = backend.reason or f"{figures.plural(len(backend.layers), 'tensor')}; {told}"
    record = layers.content
    title = f"{record.artifact}: {backend.name} against {record.reference}, worst tensors"
    return Table(f"{title} ({layers.name}, {layers.when})", columns, rows, notes=[f"{backend.name}: {note}"])


def _training_section(logs: Sequence[Labelled[TrainingLog]]) -> Section:
    from mdeploy.reports.page import plots

    section = Section("Training")
    plot = plots.training_plot(logs)
    if plot is not None:
        section.plots.append(plot)
    columns = (
        text("Log", key=True),
        name("When (UTC)"),
        text("Model"),
        text("Data"),
        number("epochs"),
        number("best accuracy %", figures.percent),
        number("last accuracy %", figures.percent),
        number("images/s", lambda speed: f"{speed:.0f}"),
    )
    rows = []
    for log in logs:
        last, found = log.content.epochs[-1], log.content.accuracies
        speeds = [epoch.images_per_second for epoch in log.content.epochs if epoch.images_per_second is not None]
        accuracies = (max(found), found[-1]) if found else (None, None)
        speed = sum(speeds) / len(speeds) if speeds else None
        rows.append((log.name, log.when, last.model, last.data, last.epoch, *accuracies, speed))
    section.tables = [Table("Training", columns, rows)] if rows else []
    return section


def _provenance_section(
    benches: Sequence[Labelled[Report]],
    evaluations: Sequence[Labelled[EvaluationRecord]],
    parities: Sequence[Labelled[ParityRecord]],
    layers: Sequence[Labelled[LayersRecord]],
    logs: Sequence[Labelled[TrainingLog]],
) -> Section:
    rows: list[tuple[str, str, str, str]] = []
    for bench in benches:
        report = bench.content
        facts = [f"{what} {version}" for what, version in report.versions.items()]
        facts += [f"{report.compiler.id} {report.compiler.build_type} {report.compiler.flags}".strip()]
        facts += [f"{file} {entry.sha256 or 'unchecked'}" for file, entry in report.files.items()]
        rows.append((bench.name, bench.when, "bench", "; ".join(facts)))
    for evaluation in evaluations:
        facts = [f"{backend.name} {backend.version}" for backend in evaluation.content.runtimes]
        facts.append(threads(evaluation.content.threads))
        rows.append((evaluation.name, evaluation.when, "evaluation", "; ".join(facts)))
    for parity in parities:
        facts = [f"{backend.name} {backend.version or backend.status}" for backend in parity.content.backends]
        rows.append((parity.name, parity.when, "parity", "; ".join(facts)))
    for layer in layers:
        facts = [f"reference: {layer.content.reference}", *(backend.name for backend in layer.content.backends)]
        rows.append((layer.name, layer.when, "layers", "; ".join(facts)))
    for log in logs:
        first = log.content.epochs[0]
        named = {"model": first.model, "data": first.data, "device": first.device, "precision": first.precision}
        facts = [f"{key} {value}" for key, value in named.items() if value is not None]
        rows.append((log.name, log.when, "training", "; ".join(facts)))
    columns = (text("Run", key=True), name("When (UTC)"), name("Kind"), text("Versions and files"))
    table = Table("Where the figures come from", columns, rows)
    return Section("Provenance", tables=[table] if rows else [])
