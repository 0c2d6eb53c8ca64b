# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Find the smallest sub-network that still fails, and save it as an artifact of its own for a bug report.

Each part is fed with the reference's own values, so an error made before it cannot reach it. Single layers come first,
in the order of computation; where none of them fails alone, the part that ends at the first wrong layer grows backwards
until it fails.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir

from mdeploy import __version__
from mdeploy.artifact import (
    Artifact,
    ArtifactWriter,
    GoldenCase,
    GoldenEntry,
    InputSpec,
    Manifest,
    OutputSpec,
    Source,
)
from mdeploy.backends import Array, NetRunner, NetRunning, PrepareOptions, get_backend
from mdeploy.caffe2.macs import count_macs
from mdeploy.caffe2.messages import NetDef
from mdeploy.onnx.shapes import infer_shapes
from mdeploy.parity.cut import Part, cut_nets
from mdeploy.parity.layers import BackendLayers, Layer, judge, trace_reference
from mdeploy.parity.tolerance import Comparison, Tolerance
from mdeploy.parity.trace import OnnxGraph

__all__ = ["Culprit", "find_culprit", "save_culprit"]


@dataclass(frozen=True)
class Culprit:
    """A part of the net that is wrong by itself."""

    backend: str
    part: Part
    operators: tuple[str, ...]
    """Caffe2 operator types of the part, in order."""
    case: str
    comparison: Comparison
    required: float

    def describe(self) -> str:
        """One line for people."""
        chain = ", ".join(self.operators)
        return (
            f"{self.backend}: {self.part.output} ({chain}) is wrong by itself: fed with the reference's "
            f"{', '.join(self.part.inputs) or 'nothing'}, it needs tolerance {self.required:.3g} (case {self.case})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "backend": self.backend,
            "output": self.part.output,
            "inputs": list(self.part.inputs),
            "weights": list(self.part.weights),
            "operators": list(self.operators),
            "indices": list(self.part.operators),
            "case": self.case,
            **self.comparison.to_json(),
        }


class _Search:
    """The artifact and the reference's values, opened once."""

    def __init__(self, artifact: Artifact, tolerance: Tolerance, options: PrepareOptions) -> None:
        self.artifact = artifact
        self.tolerance = tolerance
        self.cases: list[GoldenCase] = artifact.golden_cases()
        _, self.references, self.graph = trace_reference(artifact, self.cases, options)
        self.init = NetDef.FromString(artifact.init_net.read_bytes())
        self.predict = NetDef.FromString(artifact.predict_net.read_bytes())
        self.meanings = {spec.name: spec.meaning for spec in artifact.manifest.outputs}

    def cut(self, known: Sequence[str] | Mapping[str, Array], output: str) -> Part:
        """The part between known blobs and one output."""
        return cut_nets(self.init, self.predict, set(known), output, self.artifact.name)

    def failing(self, runner: NetRunner, part: Part) -> tuple[str, Comparison, float] | None:
        """The golden case in which a part is worst, when it is past the tolerance in one."""
        found: tuple[str, Comparison, float] | None = None
        for case, reference in zip(self.cases, self.references, strict=True):
            inputs = {name: reference[name] for name in part.inputs}
            actual = runner.run_nets(part.init, part.predict, inputs, [part.output])[part.output]
            meaning = self.meanings.get(part.output)
            comparison, required, passed = judge(reference[part.output], actual, meaning, self.tolerance)
            if not passed and (found is None or required > found[2]):
                found = case.case, comparison, required
        return found

    def culprit(self, backend: str, part: Part, found: tuple[str, Comparison, float]) -> Culprit:
        """The answer."""
        operators = tuple(self.predict.op[index].type for index in part.operators)
        return Culprit(backend, part, operators, *found)


def find_culprit(
    artifact: Artifact,
    result: BackendLayers,
    tolerance: Tolerance,
    options: PrepareOptions | None = None,
    tell: Callable[[str], None] = lambda _message: None,
) -> Culprit | None:
    """Return the smallest failing part on one backend of ``compare_layers``, or None when nothing failed there."""
    first = result.first_beyond
    if first is None:
        return None
    options = options or PrepareOptions()
    search = _Search(artifact, tolerance, options)
    backend = get_backend(result.name)
    assert isinstance(backend, NetRunning)
    with closing(backend.net_runner(options)) as runner:
        return _single(search, result, runner, tell) or _grown(search, result.name, first, runner, tell)


def _single(search: _Search, result: BackendLayers, runner: NetRunner, tell: Callable[[str], None]) -> Culprit | None:
    for layer in result.layers:
        tell(f"alone: {layer.blob}")
        part = search.cut(search.references[0], layer.blob)
        found = search.failing(runner, part)
        if found is not None:
            return search.culprit(result.name, part, found)
    return None


def _grown(
    search: _Search, backend: str, first: Layer, runner: NetRunner, tell: Callable[[str], None]
) -> Culprit | None:
    fed = {spec.name for spec in search.artifact.manifest.inputs}
    known = set(search.references[0])
    while True:
        part = search.cut(sorted(known), first.blob)
        tell(f"{len(part.operators)} operators up to {first.blob}")
        found = search.failing(runner, part)
        if found is not None:
            return search.culprit(backend, part, found)
        grow = set(part.inputs) - fed
        if not grow:
            return None
        known -= grow


def save_culprit(artifact: Artifact, culprit: Culprit, path: Path, options: PrepareOptions | None = None) -> Artifact:
    """Write the part as an artifact: its nets, the same part of the ONNX graph, and the reference's values as golden
    cases, so that ``mdeploy parity`` on it shows the fault."""
    search = _Search(artifact, Tolerance(), options or PrepareOptions())
    part = culprit.part
    sample = search.references[0]
    known = {spec.name: spec for spec in artifact.manifest.inputs}
    inputs = tuple(
        known.get(name, InputSpec(name, sample[name].shape, sample[name].dtype.name)) for name in part.inputs
    )
    made = sample[part.output]
    meaning = search.meanings.get(part.output, "logits")
    output = OutputSpec(part.output, made.shape, made.dtype.name, meaning)
    model = _onnx_part(search.graph, part, sample)
    source = (
        Source("onnx", "model.onnx", hashlib.sha256(model).hexdigest())
        if model
        else Source("caffe2", "predict_net.pb", hashlib.sha256(part.predict).hexdigest())
    )
    manifest = Manifest(
        name=f"{artifact.name[:95]}-part",
        source=source,
        tools={"mdeploy": __version__},
        inputs=inputs,
        outputs=(output,),
        operators=part.operator_counts,
        parameters=_parameters(part),
        macs=_macs(model, [sample[name] for name in part.inputs]) if model else 0,
    )
    with ArtifactWriter(path) as writer:
        if model:
            writer.add_file("model.onnx", model)
        writer.add_file("init_net.pb", part.init)
        writer.add_file("predict_net.pb", part.predict)
        writer.add_file("fault.json", (json.dumps(culprit.to_json(), indent=2) + "\n").encode())
        for case, reference in zip(search.cases, search.references, strict=True):
            entry = GoldenEntry(case.case, case.kind)
            writer.add_golden(entry, [reference[name] for name in part.inputs], [reference[part.output]])
        return writer.finish(manifest)


def _onnx_part(graph: OnnxGraph | None, part: Part, sample: Mapping[str, Array]) -> bytes | None:
    if graph is None:
        return None
    inputs = {name: sample[name] for name in part.inputs}
    model = graph.cut(inputs, {part.output: sample[part.output]})
    return None if model is None else bytes(model.SerializeToString(deterministic=True))


def _macs(model: bytes, sample: Sequence[Array]) -> int:
    graph = ir.from_proto(onnx.ModelProto.FromString(model))
    infer_shapes(graph, sample)
    return count_macs(graph)


def _parameters(part: Part) -> int:
    total = 0
    for operator in NetDef.FromString(part.init).op:
        shape = next((argument.ints for argument in operator.arg if argument.name == "shape"), None)
        if shape is not None and operator.output[0] in part.weights:
            count = 1
            for extent in shape:
                count *= extent
            total += count
    return total
