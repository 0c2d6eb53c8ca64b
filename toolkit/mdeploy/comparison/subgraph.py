# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A subgraph of the net as an artifact of its own: its nets, the same subgraph of the ONNX graph, golden cases."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import onnx_ir as ir

from mdeploy.caffe2.macs import count_macs
from mdeploy.caffe2.pair import fill_shape
from mdeploy.caffe2.subgraph import Subgraph
from mdeploy.comparison.trace import OnnxGraph
from mdeploy.formats.artifact import (
    Artifact,
    ArtifactWriter,
    GoldenEntry,
    InputSpec,
    Manifest,
    OutputSpec,
    Source,
)
from mdeploy.onnx.shapes import infer_shapes
from mdeploy.tensors import Array
from mdeploy.version import __version__

__all__ = ["onnx_subgraph", "write_subgraph"]


def onnx_subgraph(graph: OnnxGraph | None, subgraph: Subgraph, sample: Mapping[str, Array]) -> bytes | None:
    """The same subgraph of the ONNX graph, or None where there is none. ``sample`` gives shapes and dtypes by blob."""
    if graph is None or any(not graph.has(blob) for blob in (*subgraph.inputs, subgraph.output)):
        return None
    inputs = {name: sample[name] for name in subgraph.inputs}
    model = graph.cut(inputs, {subgraph.output: sample[subgraph.output]})
    return None if model is None else bytes(model.SerializeToString(deterministic=True))


def write_subgraph(
    artifact: Artifact,
    subgraph: Subgraph,
    model: bytes | None,
    cases: Sequence[tuple[GoldenEntry, Mapping[str, Array]]],
    path: Path,
    files: Mapping[str, bytes] | None = None,
    macs: bool = True,
) -> Artifact:
    """Write a subgraph of ``artifact``, and ``files`` beside it. A case has its blobs' values by name; the first one
    gives shapes and dtypes. ``macs`` counts multiply-adds, which takes longer than all the rest."""
    sample = cases[0][1]
    known = {spec.name: spec for spec in artifact.manifest.inputs}
    inputs = tuple(
        known.get(name, InputSpec(name, sample[name].shape, sample[name].dtype.name)) for name in subgraph.inputs
    )
    made = sample[subgraph.output]
    meaning = {spec.name: spec.meaning for spec in artifact.manifest.outputs}.get(subgraph.output, "logits")
    source = (
        Source("onnx", "model.onnx", hashlib.sha256(model).hexdigest())
        if model
        else Source("caffe2", "predict_net.pb", hashlib.sha256(subgraph.nets.predict_bytes).hexdigest())
    )
    manifest = Manifest(
        name=f"{artifact.name[:95]}-part",
        source=source,
        tools={"mdeploy": __version__},
        inputs=inputs,
        outputs=(OutputSpec(subgraph.output, made.shape, made.dtype.name, meaning),),
        operators=subgraph.nets.operators,
        parameters=_parameters(subgraph),
        macs=_macs(model, [sample[name] for name in subgraph.inputs]) if model and macs else 0,
    )
    with ArtifactWriter(path) as writer:
        if model:
            writer.add_file("model.onnx", model)
        writer.add_file("init_net.pb", subgraph.nets.init_bytes)
        writer.add_file("predict_net.pb", subgraph.nets.predict_bytes)
        for name, data in (files or {}).items():
            writer.add_file(name, data)
        for entry, values in cases:
            writer.add_golden(entry, [values[name] for name in subgraph.inputs], [values[subgraph.output]])
        return writer.finish(manifest)


def _macs(model: bytes, sample: Sequence[Array]) -> int:
    graph = ir.from_proto(onnx.ModelProto.FromString(model))
    infer_shapes(graph, sample)
    return count_macs(graph)


def _parameters(subgraph: Subgraph) -> int:
    total = 0
    for operator in subgraph.nets.init.op:
        shape = fill_shape(operator)
        if shape is not None and operator.output[0] in subgraph.weights:
            total += math.prod(shape)
    return total
