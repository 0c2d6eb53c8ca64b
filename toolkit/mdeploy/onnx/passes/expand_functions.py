# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX operators that ONNX itself defines by simpler ones."""

from __future__ import annotations

import onnx
import onnx.inliner
import onnx_ir as ir
import onnx_ir.passes.common as common

from mdeploy.caffe2.registry import converters
from mdeploy.onnx.light import proto_with_weights_as_inputs, restore_weights
from mdeploy.onnx.passes.editing import opset_of

__all__ = ["expand_functions"]

_LIMIT = 8  # definitions within definitions

# LogSoftmax has a pass of its own that stays exact; the definition of Attention does not give its masks' infinities;
# a quantised operator is refused as it stands in the file.
_NOT_EXPANDED = ("LogSoftmax", "Attention", "DynamicQuantizeLinear")


def expand_functions(model: ir.Model) -> ir.Model | None:
    """Write out operators that have no converter but a definition in the ONNX standard.

    ::

        MeanVarianceNormalization(x)    becomes    ReduceMean, Sub, Pow, Sqrt, Add, Div

    A definition is written for an opset of its own; models of older opsets keep the operator.
    """
    changed = False
    refused: set[str] = set()
    for _ in range(_LIMIT):
        wanted = sorted({node.op_type for node in model.graph if _has_definition(node, opset_of(model))} - refused)
        if not wanted:
            break
        common.AddDefaultAttributesPass()(model)  # the inliner forgets those that are not written down
        for op_type in wanted:
            expanded = _expand(model, op_type)
            if expanded is None:
                refused.add(op_type)
            else:
                model, changed = expanded, True
    return model if changed else None


def _expand(model: ir.Model, op_type: str) -> ir.Model | None:
    proto, weights = proto_with_weights_as_inputs(model)
    try:
        inferred = onnx.shape_inference.infer_shapes(proto)
        expanded = onnx.inliner.inline_selected_functions(inferred, [("", op_type)], inline_schema_functions=True)
    except RuntimeError:  # ONNX's inliner stops where the type of an inner value is not known: the node stays
        return None
    if any(node.op_type == op_type for node in expanded.graph.node):
        return None
    _name_after_origin(proto.graph, expanded.graph, op_type)
    return restore_weights(expanded, weights)


def _name_after_origin(before: onnx.GraphProto, after: onnx.GraphProto, op_type: str) -> None:
    """Nodes of a definition are named after the node that they came from: a refusal names what stands in the file."""
    known = {name for node in before.node for name in node.output}
    known.update(value.name for value in before.input)
    known.update(tensor.name for tensor in before.initializer)
    origins = {
        name: f"{node.name or node.output[0]} ({op_type})"
        for node in before.node
        if node.op_type == op_type
        for name in node.output
    }
    for number, node in reversed([*enumerate(after.node)]):  # from what the definition gives back to what it takes
        origin = next((origins[name] for name in node.output if name in origins), None)
        if origin is None:
            continue
        node.name = f"{node.op_type} {number} of {origin}"  # onnxruntime refuses two nodes of one name
        for name in node.input:
            if name not in known:
                origins.setdefault(name, origin)


def _has_definition(node: ir.Node, opset: int) -> bool:
    if node.domain not in ("", "ai.onnx") or node.op_type in (*converters(), *_NOT_EXPANDED):
        return False
    try:
        schema = onnx.defs.get_schema(node.op_type, opset)
    except onnx.defs.SchemaError:
        return False
    # Both come from C++ and are not in the type stubs.
    return bool(getattr(schema, "has_function", False) or getattr(schema, "has_context_dependent_function", False))
