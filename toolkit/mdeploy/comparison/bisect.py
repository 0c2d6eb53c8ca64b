# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Find the smallest subgraph that still fails, and save it as an artifact of its own for a bug report.

Each subgraph is fed with the reference's own values, so an error made before it cannot reach it. Single layers come
first, in the order of computation; where none of them fails alone, the subgraph that ends at the first wrong layer
grows backwards until it fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdeploy.backends.registry import get_backend
from mdeploy.caffe2.subgraph import Subgraph, cut_nets
from mdeploy.comparison.layers import BackendLayers, Layer, Reference, judge
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.subgraph import onnx_subgraph, write_subgraph
from mdeploy.comparison.tolerance import Comparison
from mdeploy.comparison.tracers import SubgraphTracer, tracer_of
from mdeploy.errors import UsageError
from mdeploy.formats.artifact import Artifact, GoldenEntry

__all__ = ["Culprit", "find_culprit", "save_culprit"]


@dataclass(frozen=True)
class Culprit:
    """A subgraph that is wrong by itself."""

    backend: str
    subgraph: Subgraph
    operators: tuple[str, ...]
    """Caffe2 operator types of the subgraph, in order."""
    case: str
    comparison: Comparison
    required: float

    def describe(self) -> str:
        """One line for people."""
        chain = ", ".join(self.operators)
        return (
            f"{self.backend}: {self.subgraph.output} ({chain}) is wrong by itself: fed with the reference's "
            f"{', '.join(self.subgraph.inputs) or 'nothing'}, it needs tolerance {self.required:.3g} (case {self.case})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "backend": self.backend,
            "output": self.subgraph.output,
            "inputs": list(self.subgraph.inputs),
            "weights": list(self.subgraph.weights),
            "operators": list(self.operators),
            "indices": list(self.subgraph.operators),
            "case": self.case,
            **self.comparison.to_json(),
        }


class _Search:
    """The request, one backend, and the reference's values."""

    def __init__(
        self, request: ParityRequest, result: BackendLayers, reference: Reference, tracer: SubgraphTracer
    ) -> None:
        self.request = request
        self.artifact = request.artifact
        self.result = result
        self.reference = reference
        self.tracer = tracer
        self.nets = self.artifact.nets
        self.meanings = {spec.name: spec.meaning for spec in self.artifact.manifest.outputs}

    def cut(self, known: Iterable[str], output: str) -> Subgraph:
        """The subgraph between known blobs and one output."""
        return cut_nets(self.nets, set(known), output, self.artifact.name)

    def culprit(self, subgraph: Subgraph) -> Culprit | None:
        """The subgraph, judged in the golden case in which it is worst; None where it passes, or does not run alone."""
        fed = [{name: values[name] for name in subgraph.inputs} for values in self.reference.values]
        outputs = self.tracer.run_subgraph(subgraph, fed)
        found: tuple[str, Comparison, float] | None = None
        for case, values, actual in zip(self.reference.cases, self.reference.values, outputs or [], strict=False):
            meaning = self.meanings.get(subgraph.output)
            expected = values[subgraph.output]
            comparison, required, passed = judge(expected, actual, meaning, self.request.tolerance.of(subgraph.output))
            if not passed and (found is None or required > found[2]):
                found = case.case, comparison, required
        operators = tuple(self.nets.predict.op[index].type for index in subgraph.operators)
        return None if found is None else Culprit(self.result.name, subgraph, operators, *found)


def find_culprit(request: ParityRequest, result: BackendLayers, reference: Reference) -> Culprit | None:
    """Return the smallest failing subgraph on one backend of ``compare_layers``, or None when nothing failed there.

    Raises ``UsageError`` for a backend that runs no subgraphs.
    """
    first = result.first_beyond
    if first is None:
        return None
    backend = get_backend(result.name)
    with tracer_of(backend, request, reference.graph) as tracer:
        if not isinstance(tracer, SubgraphTracer):
            raise UsageError(
                f"--bisect runs parts of the net, which {backend.title} cannot: leave it out of --backends"
            )
        search = _Search(request, result, reference, tracer)
        return _single(search) or _grown(search, first)


def _single(search: _Search) -> Culprit | None:
    for layer in search.result.layers:
        search.request.tell(f"alone: {layer.blob}")
        found = search.culprit(search.cut(search.reference.values[0], layer.blob))
        if found is not None:
            return found
    return None


def _grown(search: _Search, first: Layer) -> Culprit | None:
    fed = {spec.name for spec in search.artifact.manifest.inputs}
    known = set(search.reference.values[0])
    while True:
        subgraph = search.cut(sorted(known), first.blob)
        search.request.tell(f"{len(subgraph.operators)} operators up to {first.blob}")
        found = search.culprit(subgraph)
        if found is not None:
            return found
        grow = set(subgraph.inputs) - fed
        if not grow:
            return None
        known -= grow


def save_culprit(artifact: Artifact, culprit: Culprit, reference: Reference, path: Path) -> Artifact:
    """Write the subgraph as an artifact: its nets, the same subgraph of the ONNX graph, and the reference's values as
    golden cases, so that ``mdeploy parity`` on it shows the fault."""
    model = onnx_subgraph(reference.graph, culprit.subgraph, reference.values[0])
    cases = [
        (GoldenEntry(case.case, case.kind), values)
        for case, values in zip(reference.cases, reference.values, strict=True)
    ]
    fault = (json.dumps(culprit.to_json(), indent=2) + "\n").encode()
    return write_subgraph(artifact, culprit.subgraph, model, cases, path, {"fault.json": fault})
