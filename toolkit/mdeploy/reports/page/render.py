# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Puts documents together into one HTML file: the summary first, then plots and tables by kind, then provenance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from mdeploy import figures
from mdeploy.formats.evaluation import EvaluationRecord
from mdeploy.formats.parity import LayersRecord, ParityRecord
from mdeploy.formats.report import Report
from mdeploy.packages import installed
from mdeploy.reports.page.gather import Document, Unreadable
from mdeploy.reports.page.labels import device_of, threads
from mdeploy.reports.page.sections import make_sections
from mdeploy.tables import Mark, Table
from mdeploy.version import __version__

__all__ = ["render_page"]


@dataclass(frozen=True)
class Line:
    """One line of the summary. A figure has no colour: only a verdict is good or bad."""

    name: str
    when: str
    what: str
    figure: str
    verdict: Mark | None = None


def render_page(documents: Sequence[Document]) -> str:
    """Return the page. Raises ``UnavailableError`` where the plotting library is not installed."""
    with installed():
        from bokeh.embed import components
        from bokeh.resources import Resources
        from jinja2 import Environment
    sections = make_sections(documents)
    plots = [plot for section in sections for plot in section.plots]
    script, divs = components(plots) if plots else ("", ())
    remaining = iter(divs)
    shown = [
        (section.title, [next(remaining) for _ in section.plots], [(table, _cells(table)) for table in section.tables])
        for section in sections
    ]
    text = (resources.files(__package__) / "template.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True).from_string(text)
    library = Resources(mode="inline", components=["bokeh"]).render_js() if plots else ""
    lines = [line for document in documents for line in _summary(document)]
    return template.render(version=__version__, summary=lines, sections=shown, library=library, script=script)


def _cells(table: Table) -> list[list[tuple[str, str]]]:
    """The text of every cell, and its class."""
    return [
        [
            (shown, _class(value) or ("number" if column.right else ""))
            for column, value, shown in zip(table.columns, row, cells, strict=True)
        ]
        for row, cells in zip(table.rows, table.cells(), strict=True)
    ]


def _class(value: object) -> str:
    good = value.good if isinstance(value, Mark) else None
    return "" if good is None else "good" if good else "bad"


def _summary(document: Document) -> Iterator[Line]:
    """What the top of the page says of a document."""
    content = document.content
    name, when = document.name, document.when
    if isinstance(content, Report):
        facts = [device_of(content), threads(content.threads), content.isa, *(["emulated"] if content.emulated else [])]
        what = f"Latency of {content.artifact} on {', '.join(facts)}"
        yield Line(name, when, what, content.headline, Mark(content.outcome, content.outcome == "ok"))
    elif isinstance(content, (ParityRecord, LayersRecord)):
        backends = ", ".join(backend.name for backend in content.backends)
        kind = "Parity" if isinstance(content, ParityRecord) else "Parity by layer"
        what = f"{kind} of {content.artifact} at {content.tolerance.describe()}: {backends}"
        figure = content.headline if isinstance(content, ParityRecord) else ""
        yield Line(name, when, what, figure, Mark(content.outcome, content.passed))
    elif isinstance(content, EvaluationRecord):
        titles = {backend.name: backend.title for backend in content.runtimes}
        for result in content.sets:
            first = result.runtimes[0]
            backend = titles.get(first.runtime, first.runtime)
            what = f"Accuracy of {content.artifact} on {result.title}: {backend}, {threads(content.threads)}"
            yield Line(name, when, what, f"top-1 {figures.percentage(first.top1.value, 2)}")
    elif isinstance(content, Unreadable):
        yield Line(name, when, content.reason, "", Mark("not shown", False))
    else:
        last = content.epochs[-1]
        figure = f"epoch {last.epoch}"
        if last.test_accuracy is not None:
            figure += f", accuracy {figures.percentage(last.test_accuracy, 2)}"
        yield Line(name, when, "Training", figure)
