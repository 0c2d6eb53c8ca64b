# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How each backend shows its intermediate tensors, under the names of the nets' blobs.

=====================  ==============================================================================================
mdeploy, caffe2        run the nets and give every blob
torch                  the exporter names ONNX values after the nodes of torch's own graph: that graph is interpreted
onnxruntime (as the    model.onnx with every value as an output, without optimisations
reference)
any other, and         the graph cut: for each tensor the subgraph up to it is a model of its own, so the
onnxruntime compared   backend optimises as it does on the whole
=====================  ==============================================================================================
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdeploy.backends.base import Backend, NetBackend, PrepareOptions
from mdeploy.backends.lineup import Lineup
from mdeploy.caffe2.subgraph import Subgraph, cut_nets
from mdeploy.comparison.subgraph import onnx_subgraph, write_subgraph
from mdeploy.comparison.trace import OnnxGraph
from mdeploy.errors import InputError, UnavailableError, UnsupportedError
from mdeploy.formats.artifact import Artifact, GoldenCase, GoldenEntry
from mdeploy.progress import Tell
from mdeploy.tensors import Array

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["GraphTracer", "SubgraphTracer", "Tracer", "tracer_of"]

Values = dict[str, Array]


class Tracer(ABC):
    """One backend, looked into. Close it, or use it as a context manager."""

    title: str

    @abstractmethod
    def trace(self, cases: Sequence[GoldenCase], tell: Tell) -> list[Values]:
        """Every tensor that can be seen, by blob name, for each case."""

    @abstractmethod
    def close(self) -> None:
        """Release processes and memory."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class SubgraphTracer(Tracer):
    """One whose backend can run a subgraph of the net by itself."""

    @abstractmethod
    def run_subgraph(self, subgraph: Subgraph, inputs: Sequence[Mapping[str, Array]]) -> list[Array] | None:
        """The output of a subgraph on each of some inputs by name, or None where it has no form for this backend."""


def tracer_of(backend: Backend, lineup: Lineup, graph: OnnxGraph | None) -> Tracer:
    """Return how to look into a backend that is compared. ``graph`` is the artifact's ONNX graph, if it has one."""
    artifact, options = lineup.artifact, lineup.options
    if isinstance(backend, NetBackend):
        return _NetTracer(backend, artifact, options)
    if backend.name == "torch":
        return _TorchTracer(backend, artifact, options)
    if graph is None:
        raise UnavailableError(f"{backend.title}: {artifact.path} has no model.onnx to cut")
    return _CutTracer(backend, artifact, options, graph)


def _by_name(artifact: Artifact, case: GoldenCase) -> Values:
    return dict(zip([spec.name for spec in artifact.manifest.inputs], case.inputs, strict=True))


class GraphTracer(Tracer):
    """The reference: model.onnx on onnxruntime, unoptimised."""

    title = "model.onnx on onnxruntime"

    def __init__(self, graph: OnnxGraph) -> None:
        self._graph = graph

    def trace(self, cases: Sequence[GoldenCase], tell: Tell) -> list[Values]:
        """See ``Tracer``."""
        tell(self.title)
        return [self._graph.trace(case.inputs) for case in cases]

    def close(self) -> None:
        """Nothing is held."""


class _NetTracer(SubgraphTracer):
    def __init__(self, backend: NetBackend, artifact: Artifact, options: PrepareOptions) -> None:
        self.title = backend.title
        self._artifact = artifact
        self._runner = backend.net_runner(options)

    def trace(self, cases: Sequence[GoldenCase], tell: Tell) -> list[Values]:
        nets = self._artifact.nets
        traces = []
        for case in cases:
            tell(f"{self.title}: {case.case}")
            inputs = _by_name(self._artifact, case)
            traces.append({**inputs, **self._runner.run_nets(nets, inputs)})
        return traces

    def run_subgraph(self, subgraph: Subgraph, inputs: Sequence[Mapping[str, Array]]) -> list[Array] | None:
        return [self._runner.run_nets(subgraph.nets, fed, [subgraph.output])[subgraph.output] for fed in inputs]

    def close(self) -> None:
        self._runner.close()


class _TorchTracer(Tracer):
    def __init__(self, backend: Backend, artifact: Artifact, options: PrepareOptions) -> None:
        self.title = backend.title
        self._artifact = artifact
        self._session: Any = backend.prepare(artifact, options)

    def trace(self, cases: Sequence[GoldenCase], tell: Tell) -> list[Values]:
        from mdeploy.comparison.torch_trace import trace_module

        tell(f"{self.title}: its graph")
        values = trace_module(self._session.module, [case.inputs for case in cases])
        names = [spec.name for spec in self._artifact.manifest.outputs]
        traces = []
        for case, (inner, outputs) in zip(cases, values, strict=True):
            named = dict(zip(names, outputs, strict=False))
            traces.append({**inner, **_by_name(self._artifact, case), **named})
        return traces

    def close(self) -> None:
        self._session.close()


class _CutTracer(SubgraphTracer):
    def __init__(self, backend: Backend, artifact: Artifact, options: PrepareOptions, graph: OnnxGraph) -> None:
        self.title = f"{backend.title}, graph cut"
        self._backend = backend
        self._artifact = artifact
        self._options = options
        self._graph = graph
        self._sample: Values | None = None

    def trace(self, cases: Sequence[GoldenCase], tell: Tell) -> list[Values]:
        nets = self._artifact.nets
        fed = [_by_name(self._artifact, case) for case in cases]
        traces = [dict(inputs) for inputs in fed]
        blobs = list(dict.fromkeys(name for operator in nets.predict.op for name in operator.output))
        refusals: list[str] = []
        for index, blob in enumerate(blobs):
            tell(f"{self.title}: {index + 1} of {len(blobs)}, {blob}")
            subgraph = cut_nets(nets, fed[0], blob, self._artifact.name)
            try:
                made = self.run_subgraph(subgraph, fed)
            except (InputError, UnsupportedError) as error:
                # A tensor that the backend cannot give as an output says nothing of the others.
                refusals.append(str(error))
                continue
            for trace, array in zip(traces, made or [], strict=False):
                trace[blob] = array
        if len(traces[0]) == len(fed[0]) and refusals:
            raise UnsupportedError(f"{self.title}: no part of the graph runs: {refusals[0]}")
        return traces

    def run_subgraph(self, subgraph: Subgraph, inputs: Sequence[Mapping[str, Array]]) -> list[Array] | None:
        if self._sample is None:
            self._sample = self._graph.trace(self._artifact.golden_cases()[0].inputs)
        model = onnx_subgraph(self._graph, subgraph, self._sample)
        if model is None or not subgraph.inputs:
            return None
        with tempfile.TemporaryDirectory(prefix="mdeploy-subgraph-") as folder:
            cases = [(GoldenEntry("zeros", "zeros"), {**self._sample, **inputs[0]})]
            cut = write_subgraph(self._artifact, subgraph, model, cases, Path(folder) / "subgraph", macs=False)
            with self._backend.prepare(cut, self._options) as session:
                return [session.run([fed[name] for name in subgraph.inputs])[0] for fed in inputs]

    def close(self) -> None:
        """Sessions live for one subgraph."""
