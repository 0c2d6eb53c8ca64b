# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Puts documents together into one HTML file: the summary first, then plots and tables by kind, then provenance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from mdeploy import __version__
from mdeploy.errors import UnavailableError
from mdeploy.reports.page.gather import Document

__all__ = ["render_page"]

_WORST = 8


@dataclass
class Table:
    """A table of text; the first column is left-aligned, the others right."""

    title: str
    headings: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Section:
    """One part of the page."""

    title: str
    plots: list[Any] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def render_page(documents: Sequence[Document]) -> str:
    """Return the page. Raises ``UnavailableError`` where the plotting library is not installed."""
    try:
        from bokeh.embed import components
        from bokeh.resources import Resources
        from jinja2 import Environment
    except ImportError as error:
        raise UnavailableError(f"{error.name} is not installed; get it with: pip install 'mdeploy[report]'") from error
    sections = [section for section in _sections(documents) if section.plots or section.tables]
    plots = [plot for section in sections for plot in section.plots]
    script, divs = components(plots) if plots else ("", ())
    remaining = iter(divs)
    shown = [(section, [next(remaining) for _ in section.plots]) for section in sections]
    text = (resources.files(__package__) / "template.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True).from_string(text)
    library = Resources(mode="inline", components=["bokeh"]).render_js() if plots else ""
    return template.render(
        version=__version__, summary=_summary(documents), sections=shown, library=library, script=script
    )


def _of(documents: Sequence[Document], kind: str) -> list[Document]:
    return [document for document in documents if document.kind == kind]


def _summary(documents: Sequence[Document]) -> list[tuple[str, str, bool]]:
    """(what, figure, good) of every run, for the top of the page."""
    lines = []
    for document in documents:
        data = document.data
        if document.kind == "bench":
            latency = data["latency_ms"]
            figure = "no latency" if not latency or latency["p50"] is None else f"median {latency['p50']:.3f} ms"
            threads = "1 thread" if data["threads"] == 1 else f"{data['threads']} threads"
            where = f"{data['device']['model'] or data['device']['os']}, {threads}, {data['isa']}"
            emulated = ", emulated" if data["emulated"] else ""
            lines.append((f"{data['model']['name']} on {where}{emulated}", figure, data["status"] == "ok"))
        elif document.kind in ("parity", "layers"):
            what = "Parity" if document.kind == "parity" else "Parity by layer"
            verdict = "passed" if data["passed"] else "failed"
            lines.append(
                (f"{what} of {data['artifact']}", f"{verdict} at {data['tolerance']['tol']:g}", data["passed"])
            )
        elif document.kind == "evaluation":
            for result in data["sets"]:
                best = result["runtimes"][0]["top1"]
                lines.append((f"{data['artifact']} on {result['title']}", f"top-1 {best['value']:.2%}", True))
        else:
            last = data["epochs"][-1]
            accuracy = last.get("test_accuracy")
            figure = f"epoch {last['epoch']}" + (f", accuracy {accuracy:.2%}" if accuracy is not None else "")
            lines.append((f"Training {document.name}", figure, True))
    return lines


def _sections(documents: Sequence[Document]) -> list[Section]:
    return [
        _bench_section(_of(documents, "bench")),
        _evaluation_section(_of(documents, "evaluation")),
        _parity_section(_of(documents, "parity"), _of(documents, "layers")),
        _training_section(_of(documents, "training")),
        _provenance_section(documents),
    ]


def _bench_section(benches: list[Document]) -> Section:
    from mdeploy.reports.page import plots

    section = Section("Latency")
    if not benches:
        return section
    wanted = [plots.latency_distribution(benches), plots.latency_over_time(benches), plots.sustained_plot(benches)]
    wanted += [plots.operators_plot(bench) for bench in benches]
    section.plots = [plot for plot in wanted if plot is not None]
    headings = ("Run", "Model", "n", "median ms", "p90 ms", "p99 ms", "load ms", "first run ms", "peak MB", "parity")
    table = Table("Runs", headings)
    headings = ("Run", "Device", "SoC", "System", "ABI", "Cores", "Threads", "Affinity", "Instruction set", "Runner")
    devices = Table("Devices", (*headings, "Hottest", "Battery", "Emulated"))
    for bench in benches:
        data, latency, device = bench.data, bench.data["latency_ms"] or {}, bench.data["device"]
        passed = sum(entry["passed"] for entry in data["parity"])
        peak = data["peak_rss_bytes"]
        figures = [_ms(latency.get(key)) for key in ("p50", "p90", "p99")]
        figures += [_ms(data["init_ms"]), _ms(data["first_run_ms"]), "-" if peak is None else f"{peak / 1e6:.1f}"]
        count = str(latency.get("n", "-"))
        table.rows.append((bench.name, data["model"]["name"], count, *figures, f"{passed}/{len(data['parity'])}"))
        system = " ".join(filter(None, (device["os"], device.get("os_version"))))
        named = device["model"] or "-"
        emulated = "yes" if data["emulated"] else "no"
        affinity = data["affinity"]["requested"] + ("" if data["affinity"]["applied"] else " (not applied)")
        settings = (str(len(device["cores"])), str(data["threads"]), affinity, data["isa"], data["runner"])
        readings = (_degrees(data["thermal"]["after"]["max_c"]), _percent(data["battery"]["level_percent"]), emulated)
        devices.rows.append((bench.name, named, device.get("soc") or "-", system, device["abi"], *settings, *readings))
        table.notes += [f"{bench.name}: {warning}" for warning in data["warnings"]]
        if data["error"]:
            table.notes.append(f"{bench.name}: {data['status']}: {data['error']}")
    section.tables = [table, devices]
    return section


def _evaluation_section(evaluations: list[Document]) -> Section:
    from mdeploy.reports.page import plots

    section = Section("Accuracy")
    for evaluation in evaluations:
        runtimes = {runtime["name"]: runtime for runtime in evaluation.data["runtimes"]}
        for place, result in enumerate(evaluation.data["sets"]):
            section.plots.append(plots.accuracy_plot(evaluation, place))
            headings = (
                "Runtime",
                "top-1 %",
                "95 % interval",
                "top-5 %",
                "agreement",
                "mean ms",
                "median ms",
                "model MB",
            )
            table = Table(f"{evaluation.data['artifact']}: {result['title']}", headings)
            for row in result["runtimes"]:
                top1, top5, same, times = row["top1"], row["top5"], row["agreement"], row["ms_per_picture"]
                size = runtimes[row["runtime"]]["model_bytes"]
                table.rows.append(
                    (
                        runtimes[row["runtime"]]["title"],
                        f"{top1['value'] * 100:.2f}",
                        f"{top1['low95'] * 100:.2f} to {top1['high95'] * 100:.2f}",
                        "-" if top5 is None else f"{top5['value'] * 100:.2f}",
                        "reference" if same is None else f"{same['count']}/{same['total']}",
                        _ms(times["mean_ms"]),
                        _ms(times["p50_ms"]),
                        "-" if size is None else f"{size / 1e6:.2f}",
                    )
                )
            section.tables.append(table)
    return section


def _parity_section(parities: list[Document], layers: list[Document]) -> Section:
    from mdeploy.reports.page import plots

    section = Section("Parity")
    wanted = [plots.parity_plot(parity) for parity in parities] + [plots.layers_plot(layer) for layer in layers]
    section.plots = [plot for plot in wanted if plot is not None]
    for parity in parities:
        tolerance = f"tolerance {parity.data['tolerance']['tol']:g}"
        headings = ("Runtime", "Case", "Output", "max abs", "top-1", "needs", "verdict")
        table = Table(f"{parity.data['artifact']}, {tolerance} ({parity.name})", headings)
        for backend in parity.data["backends"]:
            for result in backend["results"]:
                verdict = "pass" if result["passed"] else "FAIL"
                figures = (_exponent(result["max_abs"]), f"{result['top1_agreement']:.0%}")
                needs = _exponent(result["required_tolerance"])
                row = (backend["title"], result["case"], result["output"], *figures, needs, verdict)
                table.rows.append(row)
            if not backend["results"]:
                table.notes.append(f"{backend['title']}: {backend['status']}: {backend['reason']}")
        section.tables.append(table)
    section.tables += [table for layer in layers for table in _worst_layers(layer)]
    return section


def _worst_layers(layers: Document) -> list[Table]:
    tables = []
    for backend in layers.data["backends"]:
        first = backend["first_beyond"]
        title = f"{backend['name']} against {layers.data['reference']}: worst tensors ({layers.name})"
        table = Table(title, ("Tensor", "Operator", "Case", "max abs", "needs", "verdict"))
        for layer in backend["layers"][:_WORST]:
            verdict = "pass" if layer["passed"] else "FAIL"
            figures = (_exponent(layer["max_abs"]), _exponent(layer["required_tolerance"]), verdict)
            table.rows.append((layer["blob"], layer["operator"], layer["case"], *figures))
        table.notes.append(
            f"{len(backend['layers'])} tensors; "
            + ("every one is within the tolerance" if first is None else f"the first past the tolerance is {first}")
        )
        if backend["reason"]:
            table.notes = [f"{backend['name']}: {backend['reason']}"]
        tables.append(table)
    return tables


def _training_section(logs: list[Document]) -> Section:
    from mdeploy.reports.page import plots

    section = Section("Training")
    plot = plots.training_plot(logs) if logs else None
    if plot is not None:
        section.plots.append(plot)
    table = Table("Training runs", ("Run", "Model", "Data", "Epochs", "Best accuracy", "Last accuracy", "Images/s"))
    for log in logs:
        epochs = log.data["epochs"]
        found = [e["test_accuracy"] for e in epochs if isinstance(e.get("test_accuracy"), (int, float))]
        speeds = [e["images_per_second"] for e in epochs if isinstance(e.get("images_per_second"), (int, float))]
        accuracies = [f"{value:.2%}" for value in (max(found), found[-1])] if found else ["-", "-"]
        speed = f"{sum(speeds) / len(speeds):.0f}" if speeds else "-"
        names = (str(epochs[-1].get(key, "-")) for key in ("model", "data"))
        table.rows.append((log.name, *names, str(epochs[-1]["epoch"]), *accuracies, speed))
    section.tables = [table] if table.rows else []
    return section


def _provenance_section(documents: Sequence[Document]) -> Section:
    section = Section("Provenance")
    table = Table("Where the figures come from", ("Run", "Kind", "Versions and files"))
    for document in documents:
        data = document.data
        if document.kind == "bench":
            facts = [f"{name} {value}" for name, value in data["versions"].items()]
            facts += [f"{data['compiler']['id']} {data['compiler']['build_type']} {data['compiler']['flags']}".strip()]
            facts += [f"{name} {entry['sha256'] or 'unchecked'}" for name, entry in data["files"].items()]
        elif document.kind == "evaluation":
            facts = [f"{runtime['name']} {runtime['version']}" for runtime in data["runtimes"]]
            facts.append(f"{data['threads']} threads")
        elif document.kind == "parity":
            facts = [f"{backend['name']} {backend['version'] or backend['status']}" for backend in data["backends"]]
        elif document.kind == "layers":
            facts = [f"reference: {data['reference']}", *(backend["name"] for backend in data["backends"])]
        else:
            first = data["epochs"][0]
            facts = [f"{key} {first[key]}" for key in ("model", "data", "device", "precision") if key in first]
        table.rows.append((document.name, document.kind, "; ".join(map(str, facts))))
    section.tables = [table] if table.rows else []
    return section


def _degrees(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} °C"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} %"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _exponent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2e}"
