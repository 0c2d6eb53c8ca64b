# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What evaluate leaves behind, as its readers see it: ``schemas/evaluation.schema.json``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mdeploy.formats import typed
from mdeploy.formats.schema import DocumentSchema

__all__ = ["EvaluationRecord", "RowRecord", "RuntimeRecord", "SetRecord", "ShareRecord", "TimesRecord"]

_SCHEMA = DocumentSchema("evaluation", "an evaluation document")


@dataclass(frozen=True)
class ShareRecord:
    """``count`` of ``total``, with its 95 % interval where that was kept."""

    count: int
    total: int
    value: float
    low95: float | None = None
    high95: float | None = None


@dataclass(frozen=True, kw_only=True)
class TimesRecord:
    """Milliseconds per image; ``std_ms`` is the population's standard deviation, as in a report."""

    mean_ms: float
    std_ms: float | None = None
    min_ms: float | None = None
    p50_ms: float
    p90_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class RowRecord:
    """One runtime on one test set; ``agreement`` is with the reference, None for the reference itself."""

    runtime: str
    top1: ShareRecord
    top5: ShareRecord | None = None
    agreement: ShareRecord | None = None
    max_difference: float | None = None
    ms_per_picture: TimesRecord


@dataclass(frozen=True, kw_only=True)
class SetRecord:
    """All runtimes on one test set of so many images; ``subset`` where images were left out."""

    title: str
    pictures: int
    subset: bool = False
    runtimes: tuple[RowRecord, ...]


@dataclass(frozen=True)
class RuntimeRecord:
    """One runtime, apart from any test set."""

    name: str
    title: str
    version: str = ""
    model_bytes: int | None = None
    load_seconds: float | None = None
    peak_memory_bytes: int | None = None


@dataclass(frozen=True)
class EvaluationRecord:
    """An evaluation. The first runtime is the reference; ``threads`` 0 is each runtime's own choice."""

    kind: ClassVar[str] = "evaluation"

    artifact: str
    threads: int
    runtimes: tuple[RuntimeRecord, ...]
    sets: tuple[SetRecord, ...]
    schema: str = _SCHEMA.id

    outcome: ClassVar[str] = "ok"

    @property
    def headline(self) -> str:
        """The one figure that a list shows: the reference's accuracy on the last, the large, test set."""
        share = self.sets[-1].runtimes[0].top1
        return f"top-1 {share.value:.2%} of {share.total}"

    @classmethod
    def from_json(cls, data: Any, where: str = "evaluation") -> EvaluationRecord:
        """Validate parsed JSON. Raises ``InputError``."""
        return typed.from_json(cls, _SCHEMA.current(data, where))
