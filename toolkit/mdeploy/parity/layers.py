# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Compare every intermediate tensor of the nets with the ONNX graph's: where two runtimes part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdeploy.artifact import Artifact, GoldenCase
from mdeploy.backends import Array, Backend, NetRunning, PrepareOptions, select_backends
from mdeploy.caffe2.messages import NetDef
from mdeploy.errors import CheckFailed, InputError, MdeployError, UnavailableError, UsageError
from mdeploy.parity.tolerance import Comparison, Tolerance, compare
from mdeploy.parity.trace import OnnxGraph

__all__ = ["BackendLayers", "Layer", "LayersReport", "compare_layers", "trace_reference"]


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
    """The tolerance that it needs: for an output by the rule, for an intermediate tensor max |a - b| over
    max(1, max |reference|), since rounding follows the tensor's scale; infinite when none would do."""
    passed: bool


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
    """Every backend that can show its intermediate tensors."""

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
            "tolerance": {"tol": self.tolerance.tol, "rtol": self.tolerance.rtol},
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


def compare_layers(
    artifact: Artifact,
    tolerance: Tolerance,
    names: Sequence[str] | None = None,
    options: PrepareOptions | None = None,
    tell: Callable[[str], None] = lambda _message: None,
) -> LayersReport:
    """Compare every intermediate tensor on every backend that can show them.

    The reference is model.onnx on onnxruntime without its optimisations; for an artifact without one, real Caffe2.
    """
    options = options or PrepareOptions()
    cases = artifact.golden_cases()
    tell("reference: every value")
    title, references, graph = trace_reference(artifact, cases, options)
    backends = net_backends(artifact, names)
    predict = NetDef.FromString(artifact.predict_net.read_bytes())
    results = []
    for backend in backends:
        tell(f"{backend.title}: every blob")
        try:
            traces = list(_traces(backend, artifact, cases, options))
        except MdeployError as error:
            if names is not None and isinstance(error, UnavailableError):
                raise
            results.append(BackendLayers(backend.name, backend.title, (), str(error), error.exit_code))
            continue
        layers = tuple(_layers(artifact, predict, cases, references, traces, graph, tolerance))
        results.append(BackendLayers(backend.name, backend.title, layers))
    return LayersReport(artifact.name, title, tolerance, tuple(results))


def trace_reference(
    artifact: Artifact, cases: Sequence[GoldenCase], options: PrepareOptions
) -> tuple[str, list[dict[str, Array]], OnnxGraph | None]:
    """Return who the reference is, its values by blob name for each case, and the ONNX graph where there is one."""
    if not cases:
        raise InputError(f"{artifact.path}: has no golden cases to run; convert again")
    if artifact.model_onnx is not None:
        graph = OnnxGraph(artifact.model_onnx)
        return "model.onnx on onnxruntime", [graph.trace(case.inputs) for case in cases], graph
    (backend,) = select_backends(["caffe2"]).present
    traces = list(_traces(backend, artifact, cases, options))
    fed = [dict(zip([s.name for s in artifact.manifest.inputs], case.inputs, strict=True)) for case in cases]
    return "real Caffe2", [{**inputs, **trace} for inputs, trace in zip(fed, traces, strict=True)], None


def net_backends(artifact: Artifact, names: Sequence[str] | None) -> list[Backend]:
    """The backends asked for, or all, that run nets and show what is inside."""
    able: list[Backend] = [backend for backend in select_backends(names).present if isinstance(backend, NetRunning)]
    if artifact.model_onnx is None:
        able = [backend for backend in able if backend.name != "caffe2"]
    if not able:
        if names is not None:
            raise UsageError("layers are compared on backends that run the nets: mdeploy, caffe2")
        raise UnavailableError("no backend that runs the nets is installed; `mdeploy doctor` says how to get one")
    return able


def _traces(
    backend: Backend, artifact: Artifact, cases: Sequence[GoldenCase], options: PrepareOptions
) -> Iterator[dict[str, Array]]:
    assert isinstance(backend, NetRunning)
    init, predict = artifact.init_net.read_bytes(), artifact.predict_net.read_bytes()
    inputs = [spec.name for spec in artifact.manifest.inputs]
    with closing(backend.net_runner(options)) as runner:
        for case in cases:
            yield runner.run_nets(init, predict, dict(zip(inputs, case.inputs, strict=True)))


def _layers(
    artifact: Artifact,
    predict: Any,
    cases: Sequence[GoldenCase],
    references: Sequence[Mapping[str, Array]],
    traces: Sequence[Mapping[str, Array]],
    graph: OnnxGraph | None,
    tolerance: Tolerance,
) -> Iterator[Layer]:
    meanings = {spec.name: spec.meaning for spec in artifact.manifest.outputs}
    last = {name: index for index, operator in enumerate(predict.op) for name in operator.output}
    for blob, index in sorted(last.items(), key=lambda item: item[1]):
        if blob not in references[0] or blob not in traces[0]:
            continue
        candidates = []
        for case, reference, trace in zip(cases, references, traces, strict=True):
            comparison, required, passed = judge(reference[blob], trace[blob], meanings.get(blob), tolerance)
            onnx_operator = graph.operator(blob) if graph else ""
            candidates.append(
                Layer(index, blob, predict.op[index].type, onnx_operator, case.case, comparison, required, passed)
            )
        yield max(candidates, key=lambda layer: layer.required)


def judge(reference: Array, actual: Array, meaning: str | None, tolerance: Tolerance) -> tuple[Comparison, float, bool]:
    """Compare one tensor: (figures, tolerance that it needs, verdict). ``meaning`` None is an intermediate tensor."""
    comparison = compare(reference, actual, meaning or "logits", tolerance)
    if comparison.required_tolerance is None:
        return comparison, math.inf, False
    if meaning is not None:
        return comparison, comparison.required_tolerance, comparison.passed
    finite = np.abs(np.asarray(reference, np.float64)[np.isfinite(reference)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    required = (comparison.max_abs or 0.0) / scale
    return comparison, required, required <= tolerance.tol + tolerance.rtol
