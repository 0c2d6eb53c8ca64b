# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Turns an ONNX graph with fixed shapes into a Caffe2 net, or says everything that stands in the way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import onnx_ir as ir

from mdeploy.caffe2.net import NetBuilder
from mdeploy.caffe2.node import NodeContext, Unsupported, constant, dtype_of, shape_of
from mdeploy.caffe2.registry import Converter, converters
from mdeploy.errors import UnsupportedError

__all__ = ["Finding", "UnsupportedModelError", "refuse_inputs", "refuse_unknown_operators", "translate"]

_DTYPES_OF_EDGES = ("float32", "int32", "int64", "uint8")

_KNOWN_REASONS = {
    "If": ("control flow", "trace the model with fixed inputs so that one branch remains"),
    "Loop": ("control flow", "unroll the loop in the model"),
    "Scan": ("control flow", "unroll the loop in the model"),
    "LSTM": ("a recurrent network", "mdeploy is for image networks; use a convolutional head"),
    "GRU": ("a recurrent network", "mdeploy is for image networks; use a convolutional head"),
    "RNN": ("a recurrent network", "mdeploy is for image networks; use a convolutional head"),
    "NonZero": ("a result whose shape depends on the data", "leave it out of the exported model"),
    "NonMaxSuppression": ("a result whose shape depends on the data", "run it after the net, in the app"),
    "Unique": ("a result whose shape depends on the data", "leave it out of the exported model"),
    "Compress": ("a result whose shape depends on the data", "leave it out of the exported model"),
}
_FOLDING = ("Constant", "ConstantOfShape", "Range", "Shape", "Size", "CastLike")
_QUANTISED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul")


@dataclass(frozen=True)
class Finding:
    """One node that cannot be converted."""

    node: str
    op_type: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.node} ({self.op_type}): {self.reason}; {self.remedy}"


class UnsupportedModelError(UnsupportedError):
    """The model has nodes that cannot be converted, all of them in ``findings``."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        count = len(findings)
        head = "1 node cannot be converted" if count == 1 else f"{count} nodes cannot be converted"
        super().__init__("\n".join([f"{head}:", *(f"  {finding}" for finding in findings)]))
        self.findings = findings

    def details(self) -> dict[str, Any]:
        """Every finding."""
        return {"findings": [asdict(finding) for finding in self.findings]}


def translate(model: ir.Model, name: str) -> NetBuilder:
    """Convert a graph of the ONNX default domain whose shapes are all known.

    Raises ``UnsupportedModelError`` with every node that cannot be expressed.
    """
    net = NetBuilder(name)
    graph = model.graph
    opset = model.opset_imports.get("", 1)
    blobs: dict[ir.Value, str] = {}
    findings: list[Finding] = []
    for value in graph.inputs:
        blobs[value] = net.blob(value.name or "input")
        net.inputs.append(blobs[value])
        findings.extend(_edge_findings(value, "input"))
    for value in graph.outputs:  # named before the blobs between, so that they keep their names
        if value not in blobs and constant(value) is None:
            blobs[value] = net.blob(value.name or "output")
        findings.extend(_edge_findings(value, "output"))
    for node in graph:
        for value in node.outputs:
            if value not in blobs:
                blobs[value] = net.blob(value.name or node.op_type.lower())
    for node in graph:
        try:
            _convert(node, NodeContext(node, net, blobs, opset))
        except Unsupported as error:
            findings.append(Finding(_label(node), _op_name(node), error.reason, error.remedy))
    for value in graph.outputs:
        net.outputs.append(_output_blob(value, net, blobs))
    if findings:
        raise UnsupportedModelError(tuple(findings))
    return net


def refuse_inputs(model: ir.Model) -> None:
    """Raise ``UnsupportedModelError`` for inputs that no net can take, before anything is run on them."""
    findings = [finding for value in model.graph.inputs for finding in _edge_findings(value, "input")]
    if not model.graph.inputs:
        findings.append(Finding("the graph", "input", "has no inputs", "export it with an input"))
    if findings:
        raise UnsupportedModelError(tuple(findings))


def refuse_unknown_operators(model: ir.Model) -> None:
    """Raise ``UnsupportedModelError`` for nodes whose operator has no converter at all.

    For graphs that nothing here can even run; in others such nodes may still fold away, as those about shapes do.
    """
    findings = []
    for node in model.graph:
        if node.op_type in _FOLDING:
            continue
        if node.op_type not in converters() or node.domain not in ("", "ai.onnx"):
            error = _no_converter(node)
            findings.append(Finding(_label(node), _op_name(node), error.reason, error.remedy))
    if findings:
        raise UnsupportedModelError(tuple(findings))


def _edge_findings(value: ir.Value, role: str) -> list[Finding]:
    """What keeps a value from being an input or output of a net."""
    try:
        dtype, shape = dtype_of(value), shape_of(value)
    except Unsupported as error:
        return [Finding(value.name or role, role, error.reason, error.remedy)]
    if dtype not in _DTYPES_OF_EDGES:
        reason = f"has type {dtype}, a net takes and gives {', '.join(_DTYPES_OF_EDGES)}"
        return [Finding(value.name or role, role, reason, "cast in the model")]
    if 0 in shape:
        return [Finding(value.name or role, role, f"is empty, of shape {list(shape)}", "leave it out of the model")]
    return []


def _convert(node: ir.Node, context: NodeContext) -> None:
    converter = converters().get(node.op_type) if node.domain in ("", "ai.onnx") else None
    if converter is None:
        raise _no_converter(node)
    _check_dtypes(node, converter)
    converter.function(context)


def _check_dtypes(node: ir.Node, converter: Converter) -> None:
    data = [value for value in node.inputs if value is not None and constant(value) is None]
    for value in [*data, *node.outputs]:
        if (value.uses() or value.is_graph_output()) and dtype_of(value) not in converter.dtypes:
            raise Unsupported(
                f"{value.name!r} has type {dtype_of(value)}, only {', '.join(converter.dtypes)} is supported here",
                "cast in the model",
            )


def _no_converter(node: ir.Node) -> Unsupported:
    if node.domain not in ("", "ai.onnx"):
        return Unsupported(
            f"operator of the domain {node.domain!r}, which is not standard ONNX",
            "export without custom operators",
        )
    if node.op_type in _KNOWN_REASONS:
        reason, remedy = _KNOWN_REASONS[node.op_type]
        return Unsupported(f"{reason} has no place in a net of fixed shapes", remedy)
    if node.op_type in _QUANTISED or node.op_type.startswith("QLinear"):
        return Unsupported("quantised ONNX is not read", "convert the float32 model from before quantisation")
    return Unsupported("no conversion to Caffe2", "docs/operators.md lists what is there; replace it in the model")


def _output_blob(value: ir.Value, net: NetBuilder, blobs: dict[ir.Value, str]) -> str:
    """A graph output is a blob of its own: Caffe2 wants it produced, and no two may be the same."""
    array = constant(value)
    if array is not None and array.ndim == 0:  # a fill has at least one dimension
        blob = net.blob(value.name or "constant")
        net.add("Reshape", [net.weight(array.reshape(1), blob)], [blob, net.blob(f"{blob}_old_shape")], shape=[])
        return blob
    source = blobs[value] if array is None else net.weight(array, value.name or "constant")
    if array is None and not value.is_graph_input() and source not in net.outputs:
        return source
    blob = net.blob(f"{value.name or 'output'}_copy")
    net.add("Copy", [source], [blob])
    return blob


def _label(node: ir.Node) -> str:
    return node.name or next((value.name for value in node.outputs if value.name), None) or "unnamed node"


def _op_name(node: ir.Node) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
