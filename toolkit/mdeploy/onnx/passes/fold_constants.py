# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Constant folding with known shapes."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnx_ir.passes.common as common

from mdeploy.errors import MdeployError
from mdeploy.onnx.passes.editing import constant_value, static_shape
from mdeploy.onnx.session import PlainSession
from mdeploy.onnx.shapes import infer_shapes
from mdeploy.tensors import Array

__all__ = ["fold_constants"]

_NOT_CONSTANT = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")


def fold_constants(model: ir.Model) -> ir.Model | None:
    """Compute what depends on constants and known shapes only.

    ::

        Shape(x: [1, 64, 8, 8]) -> Gather(1)    becomes    64
    """
    infer_shapes(model)
    graph = model.graph
    count = len(graph)
    for node in list(graph):
        arrays = _evaluate(node, model)
        if arrays is None:
            continue
        for value, array in zip(node.outputs, arrays, strict=True):
            _replace(graph, value, array)
        graph.remove(node, safe=True)
    common.RemoveUnusedNodesPass()(model)
    return model if len(graph) != count else None


def _evaluate(node: ir.Node, model: ir.Model) -> list[Array] | None:
    if node.domain not in ("", "ai.onnx") or node.op_type in _NOT_CONSTANT:
        return None
    if any(
        attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS) for attribute in node.attributes.values()
    ):
        return None
    if node.op_type in ("Shape", "Size"):
        shape = static_shape(node.inputs[0])
        if shape is None:
            return None
        if node.op_type == "Size":
            return [np.array(int(np.prod(shape)), np.int64)]
        start = node.attributes["start"].as_int() if "start" in node.attributes else 0
        end = node.attributes["end"].as_int() if "end" in node.attributes else len(shape)
        return [np.array(shape[slice(start, end)], np.int64)]
    if not node.inputs or any(value is not None and value.const_value is None for value in node.inputs):
        return None
    try:
        return PlainSession(_single_node(node, model)).run([])
    except MdeployError:
        return None  # onnxruntime cannot run it: the converter will name it


def _single_node(node: ir.Node, model: ir.Model) -> onnx.ModelProto:
    proto = ir.to_proto(node)
    initializers = []
    for value in node.inputs:
        if value is not None and value.const_value is not None:
            tensor = ir.to_proto(value.const_value)
            tensor.name = value.name or ""
            initializers.append(tensor)
    outputs = [onnx.ValueInfoProto(name=value.name) for value in node.outputs if value.name]
    graph = onnx.helper.make_graph([proto], "fold", [], outputs, initializer=initializers)
    opsets = [onnx.helper.make_opsetid(domain, version) for domain, version in model.opset_imports.items()]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=min(model.ir_version, 10))


def _replace(graph: ir.Graph, value: ir.Value, array: Array) -> None:
    constant = constant_value(value.name or "constant", array)
    value.name = f"{value.name}_folded"
    graph.register_initializer(constant)
    value.replace_all_uses_with(constant, replace_graph_outputs=True)
