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


def expand_functions(model: ir.Model) -> ir.Model | None:
    """Write out operators that have no converter but a definition in the ONNX standard.

    ::

        Shrink(x)    becomes    Less, Add, Sub, Where
    """
    changed = False
    for _ in range(_LIMIT):
        wanted = sorted({node.op_type for node in model.graph if _has_definition(node, opset_of(model))})
        if not wanted:
            break
        proto, weights = proto_with_weights_as_inputs(model)
        ids = [("", op_type) for op_type in wanted]
        expanded = onnx.inliner.inline_selected_functions(
            onnx.shape_inference.infer_shapes(proto), ids, inline_schema_functions=True
        )
        if len(expanded.graph.node) == len(proto.graph.node):
            break
        model = restore_weights(expanded, weights)
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
        changed = True
    return model if changed else None


def _has_definition(node: ir.Node, opset: int) -> bool:
    if node.domain not in ("", "ai.onnx") or node.op_type in (*converters(), "LogSoftmax"):
        return False
    try:
        schema = onnx.defs.get_schema(node.op_type, opset)
    except onnx.defs.SchemaError:
        return False
    # Both come from C++ and are not in the type stubs.
    return bool(getattr(schema, "has_function", False) or getattr(schema, "has_context_dependent_function", False))
