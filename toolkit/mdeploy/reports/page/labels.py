# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What tells runs apart: of every fact about them, those in which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mdeploy import figures
from mdeploy.formats.evaluation import EvaluationRecord
from mdeploy.formats.parity import LayersRecord, ParityRecord
from mdeploy.formats.report import Report
from mdeploy.formats.training_log import TrainingLog
from mdeploy.reports.page.gather import Content, Document

__all__ = ["Labelled", "device_of", "of_kind", "threads"]

T = TypeVar("T", Report, ParityRecord, LayersRecord, EvaluationRecord, TrainingLog)


@dataclass(frozen=True)
class Labelled(Generic[T]):
    """One of several documents of a kind."""

    name: str
    """Of the run or the file."""
    when: str
    label: str
    """What makes it another than those beside it, for a legend: ``2 threads``; its name where nothing does."""
    content: T

    @property
    def full(self) -> str:
        """Name and label, for a row: ``run 12: 2 threads``."""
        return self.name if self.label == self.name else f"{self.name}: {self.label}"


def of_kind(documents: Sequence[Document], kind: type[T]) -> list[Labelled[T]]:
    """The documents of a kind, each with what tells it apart from the others."""
    found = [(document, document.content) for document in documents if isinstance(document.content, kind)]
    facts = [_facts(content) for _, content in found]
    differing = [values for values in zip(*facts, strict=True) if len(set(values)) > 1]
    labels = [", ".join(filter(None, values)) for values in zip(*differing, strict=True)] or [""] * len(found)
    return [
        Labelled(document.name, document.when, _distinct(label, document.name, labels), content)
        for (document, content), label in zip(found, labels, strict=True)
    ]


def _distinct(label: str, name: str, labels: Sequence[str]) -> str:
    if not label:
        return name
    return label if labels.count(label) == 1 else f"{label} ({name})"


def threads(count: int) -> str:
    """``2 threads``; 0 is each backend's own choice."""
    return figures.plural(count, "thread") if count else "each backend's own number of threads"


def device_of(report: Report) -> str:
    """What it ran on, in a word or two."""
    return report.device.model or report.device.os


def _facts(content: Content) -> tuple[str, ...]:
    """As many for every document of a kind, from the most telling to the least."""
    if isinstance(content, Report):
        affinity = content.affinity
        return (
            content.artifact,
            device_of(content),
            content.runner,
            "emulated" if content.emulated else "",
            threads(content.threads),
            figures.affinity(affinity.requested, affinity.cores, affinity.applied),
            content.isa,
            content.compiler.id,
            f"runtime {content.versions.get('runtime', '')}",
        )
    if isinstance(content, EvaluationRecord):
        sets = ", ".join(result.title for result in content.sets)
        backends = ", ".join(f"{item.title} {item.version}".strip() for item in content.runtimes)
        return content.artifact, sets, threads(content.threads), backends
    if isinstance(content, (ParityRecord, LayersRecord)):
        backends = ", ".join(backend.name for backend in content.backends)
        return content.artifact, content.tolerance.describe(), f"against {content.reference}", backends
    return ()
