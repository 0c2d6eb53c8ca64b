# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What parity leaves behind, as its readers see it: ``schemas/parity.schema.json``, ``schemas/layers.schema.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mdeploy.formats import typed
from mdeploy.formats.schema import DocumentSchema

__all__ = [
    "BackendLayersRecord",
    "BackendRecord",
    "LayerRecord",
    "LayersRecord",
    "ParityRecord",
    "ResultRecord",
    "ToleranceRecord",
    "describe_tolerance",
]

_PARITY = DocumentSchema("parity", "a parity document")
_LAYERS = DocumentSchema("parity-layers", "a document of parity --layers", file="layers")


def describe_tolerance(tol: float, rtol: float, outputs: Mapping[str, float]) -> str:
    """``tol 1e-05, rtol 1e-06, logits 0.0001`` for people."""
    parts = [f"tol {tol:g}", *([f"rtol {rtol:g}"] if rtol else [])]
    return ", ".join(parts + [f"{name} {value:g}" for name, value in outputs.items()])


@dataclass(frozen=True)
class ToleranceRecord:
    """The rule that was asked for; ``outputs`` have a tolerance of their own."""

    tol: float
    rtol: float = 0.0
    outputs: Mapping[str, float] = field(default_factory=dict)

    def describe(self) -> str:
        """One line for people."""
        return describe_tolerance(self.tol, self.rtol, self.outputs)


@dataclass(frozen=True)
class ResultRecord:
    """One output of one golden case. ``required_tolerance`` is the smallest that would pass, None where none would."""

    case: str
    output: str
    passed: bool
    max_abs: float | None = None
    max_rel: float | None = None
    cosine: float | None = None
    worst_index: tuple[int, ...] | None = None
    worst_reference: float | None = None
    worst_actual: float | None = None
    nonfinite: int = 0
    misplaced: int = 0
    top1_agreement: float | None = None
    required_tolerance: float | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class BackendRecord:
    """One runtime: passed, failed, missing (not installed) or error (could not run the net)."""

    name: str
    title: str
    version: str | None = None
    status: str
    reason: str | None = None
    install: str | None = None
    results: tuple[ResultRecord, ...] = ()


@dataclass(frozen=True)
class CoverageRecord:
    """What the golden cases would notice, in the manifest's words."""

    method: str | None = None
    tolerance: float | None = None
    weights: int | None = None
    reached: int | None = None
    enough: bool | None = None
    says: str | None = None


@dataclass(frozen=True)
class ParityRecord:
    """A parity run."""

    kind: ClassVar[str] = "parity"

    artifact: str
    reference: str
    tolerance: ToleranceRecord
    passed: bool
    backends: tuple[BackendRecord, ...]
    warnings: tuple[str, ...] = ()
    coverage: CoverageRecord | None = None
    schema: str = _PARITY.id

    @property
    def outcome(self) -> str:
        """``passed`` or ``failed``."""
        return "passed" if self.passed else "failed"

    @property
    def required_tolerance(self) -> float:
        """The smallest tolerance that every output of every backend would pass; infinite where none would."""
        results = [result.required_tolerance for backend in self.backends for result in backend.results]
        return max((math.inf if needed is None else needed for needed in results), default=math.inf)

    @property
    def headline(self) -> str:
        """The one figure that a list shows."""
        return f"required tol {self.required_tolerance:.2g}"

    @classmethod
    def from_json(cls, data: Any, where: str = "parity") -> ParityRecord:
        """Validate parsed JSON. Raises ``InputError``."""
        return typed.from_json(cls, _PARITY.current(data, where))


@dataclass(frozen=True, kw_only=True)
class LayerRecord:
    """One tensor in the golden case where it is worst; ``index`` is the place of its operator in predict_net."""

    index: int
    blob: str
    operator: str
    onnx_operator: str | None = None
    case: str
    passed: bool
    max_abs: float | None = None
    required_tolerance: float | None = None


@dataclass(frozen=True)
class BackendLayersRecord:
    """Every tensor on one runtime, worst first; or the reason why there are none."""

    name: str
    reason: str | None = None
    first_beyond: str | None = None
    layers: tuple[LayerRecord, ...] = ()


@dataclass(frozen=True)
class LayersRecord:
    """A parity run that compared every tensor."""

    kind: ClassVar[str] = "layers"

    artifact: str
    reference: str
    tolerance: ToleranceRecord
    passed: bool
    backends: tuple[BackendLayersRecord, ...]
    schema: str = _LAYERS.id

    @property
    def outcome(self) -> str:
        """``passed`` or ``failed``."""
        return "passed" if self.passed else "failed"

    @property
    def headline(self) -> str:
        """The one fact that a list shows."""
        beyond = next((backend.first_beyond for backend in self.backends if backend.first_beyond), None)
        found = "every tensor within" if beyond is None else f"first beyond: {beyond}"
        return f"{self.tolerance.describe()}: {found}"

    @classmethod
    def from_json(cls, data: Any, where: str = "layers") -> LayersRecord:
        """Validate parsed JSON. Raises ``InputError``."""
        return typed.from_json(cls, _LAYERS.current(data, where))
