# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Compare every intermediate tensor of a backend with another's, by default the ONNX graph's: where they diverge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mdeploy.backends.base import Backend, NetBackend
from mdeploy.backends.lineup import select_backends
from mdeploy.comparison.differences import DifferenceMap, difference_map
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.tolerance import Comparison, Tolerance, compare, required_by_scale
from mdeploy.comparison.trace import OnnxGraph
from mdeploy.comparison.tracers import GraphTracer, Tracer, tracer_of
from mdeploy.errors import CheckFailed, InputError, UnavailableError, UnsupportedError, UsageError
from mdeploy.formats.artifact import GoldenCase
from mdeploy.tensors import Array

__all__ = ["BackendLayers", "Layer", "LayersReport", "Reference", "compare_layers", "judge", "trace_reference"]


@dataclass(frozen=True)
class Layer:
    """One intermediate tensor on one backend, in the golden case where it is worst."""

    index: int
    """Place of its operator in predict_net."""
    blob: str
    operator: str
    """Caffe2 operator that makes it."""
    onnx_operator: str
    case: str
    comparison: Comparison
    required: float
    """The tolerance that it needs: for an output by the tolerance rule, for an intermediate tensor by the scale rule;
    infinite when none would do."""
    passed: bool
    differences: DifferenceMap | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class BackendLayers:
    """All compared tensors on one backend, in the order of predict_net; or why there are none."""

    name: str
    title: str
    layers: tuple[Layer, ...]
    reason: str = ""
    exit_code: int = 0

    @property
    def first_beyond(self) -> Layer | None:
        """The first tensor past the tolerance, in the order of computation."""
        return next((layer for layer in self.layers if not layer.passed), None)

    @property
    def worst_first(self) -> list[Layer]:
        """Worst first; equals stay in the order of computation."""
        return sorted(self.layers, key=lambda layer: -layer.required)


@dataclass(frozen=True)
class LayersReport:
    """Every backend that was looked into."""

    artifact: str
    reference: str
    tolerance: Tolerance
    backends: tuple[BackendLayers, ...]

    @property
    def exit_code(self) -> int:
        """1 when a tensor is past the tolerance, else the code of the first backend that could not run."""
        if any(backend.first_beyond for backend in self.backends):
            return CheckFailed.exit_code
        return next((backend.exit_code for backend in self.backends if backend.exit_code), 0)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, worst first."""
        return {
            "schema": "mdeploy-parity-layers/1",
            "artifact": self.artifact,
            "reference": self.reference,
            "tolerance": self.tolerance.to_json(),
            "passed": self.exit_code == 0,
            "backends": [
                {
                    "name": backend.name,
                    "reason": backend.reason or None,
                    "first_beyond": backend.first_beyond.blob if backend.first_beyond else None,
                    "layers": [
                        {
                            "index": layer.index,
                            "blob": layer.blob,
                            "operator": layer.operator,
                            "onnx_operator": layer.onnx_operator or None,
                            "case": layer.case,
                            **layer.comparison.to_json(),
                            "required_tolerance": layer.required if math.isfinite(layer.required) else None,
                            "passed": layer.passed,
                        }
                        for layer in backend.worst_first
                    ],
                }
                for backend in self.backends
            ],
        }


_MOST_HELD = 1 << 30
"""Bytes of the reference's tensors: of large nets, the cases that conversion added are looked into up to here."""


@dataclass(frozen=True)
class Reference:
    """The reference: their values by blob name for each golden case, and the ONNX graph."""

    name: str
    title: str
    cases: tuple[GoldenCase, ...]
    values: tuple[Mapping[str, Array], ...]
    graph: OnnxGraph | None


def compare_layers(request: ParityRequest, reference: Reference | None = None) -> LayersReport:
    """Compare every intermediate tensor on the backends asked for, by default those that run the nets.

    The reference is by default what ``trace_reference`` takes. A backend asked for by name that is missing raises
    ``UnavailableError``; one that cannot run the net is reported, and the others still run.
    """
    request.check()
    right = reference or trace_reference(request)
    predict = request.artifact.nets.predict

    def look(backend: Backend) -> BackendLayers:
        with tracer_of(backend, request, right.graph) as tracer:
            traces = tracer.trace(right.cases, request.tell)
        layers = tuple(_layers(request, predict, right, traces))
        if not layers:
            raise UnsupportedError("shows no tensor under a name of the nets")
        return BackendLayers(backend.name, tracer.title, layers)

    backends = compared_backends(request, right)
    outcome = request.each(look, among=backends)
    results = outcome.done | {
        absent.name: BackendLayers(absent.name, absent.title, (), absent.reason, absent.exit_code)
        for absent in outcome.absent
    }
    found = tuple(results[backend.name] for backend in backends)
    return LayersReport(request.artifact.name, right.title, request.tolerance, found)


def trace_reference(request: ParityRequest) -> Reference:
    """Trace the request's reference; by default model.onnx on onnxruntime without its optimisations, and for an
    artifact that has none, real Caffe2."""
    artifact = request.artifact
    cases = artifact.golden_cases()
    if not cases:
        raise InputError(f"{artifact.path}: has no golden cases to run; convert again")
    graph = None if artifact.model_onnx is None else OnnxGraph(artifact.model_onnx)
    name = request.reference or ("caffe2" if graph is None else "onnxruntime")
    request.tell("reference: every value")
    tracer: Tracer
    if name == "onnxruntime" and graph is not None:
        tracer = GraphTracer(graph)
    else:
        (backend,) = select_backends([name]).present
        tracer = tracer_of(backend, request, graph)
    given = [case for case in cases if not case.added]
    with tracer:
        traces = list(tracer.trace(given, request.tell))
        held = sum(array.nbytes for array in traces[0].values()) if traces else 0
        added = [case for case in cases if case.added][: max(0, _MOST_HELD // max(held, 1) - len(given))]
        traces += tracer.trace(added, request.tell) if added else []
        return Reference(name, tracer.title, (*given, *added), tuple(traces), graph)


def compared_backends(request: ParityRequest, reference: Reference) -> list[Backend]:
    """The backends asked for, or all that run the nets, but the reference itself.

    onnxruntime may be compared with its own unoptimised run of the graph.
    """
    names = request.backends
    if names is not None:
        if reference.name in names and reference.name != "onnxruntime":
            raise UsageError(f"{reference.title} is the reference; name another backend, or another --reference")
        return list(select_backends(names).present)
    able: list[Backend] = [backend for backend in select_backends().present if isinstance(backend, NetBackend)]
    able = [backend for backend in able if backend.name != reference.name]
    if not able:
        raise UnavailableError("no backend that runs the nets is installed; `mdeploy doctor` says how to get one")
    return able


def _layers(
    request: ParityRequest, predict: Any, reference: Reference, traces: Sequence[Mapping[str, Array]]
) -> Iterator[Layer]:
    meanings = {spec.name: spec.meaning for spec in request.artifact.manifest.outputs}
    last = {name: index for index, operator in enumerate(predict.op) for name in operator.output}
    for blob, index in sorted(last.items(), key=lambda item: item[1]):
        if blob not in reference.values[0] or blob not in traces[0]:
            continue
        onnx_operator = reference.graph.operator(blob) if reference.graph else ""
        candidates = []
        for case, values, trace in zip(reference.cases, reference.values, traces, strict=True):
            comparison, required, passed = judge(
                values[blob], trace[blob], meanings.get(blob), request.tolerance.of(blob)
            )
            shown = (values[blob], trace[blob])
            layer = Layer(index, blob, predict.op[index].type, onnx_operator, case.case, comparison, required, passed)
            candidates.append((layer, shown))
        worst, shown = max(candidates, key=lambda candidate: candidate[0].required)
        yield replace(worst, differences=difference_map(*shown))


def judge(reference: Array, actual: Array, meaning: str | None, tolerance: Tolerance) -> tuple[Comparison, float, bool]:
    """Compare one tensor: (figures, tolerance that it needs, verdict). ``meaning`` None is an intermediate tensor."""
    comparison = compare(reference, actual, meaning or "logits", tolerance)
    if comparison.required_tolerance is None:
        return comparison, math.inf, False
    if meaning is not None:
        return comparison, comparison.required_tolerance, comparison.passed
    required = required_by_scale(reference, comparison)
    return comparison, required, required <= tolerance.tol + tolerance.rtol
