# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes that pass their input on."""

from __future__ import annotations

import onnx_ir as ir

from mdeploy.onnx.passes.editing import static_shape
from mdeploy.onnx.shapes import infer_shapes

__all__ = ["remove_no_ops"]

_SHAPE_ONLY = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Slice", "Tile", "Pad")


def remove_no_ops(model: ir.Model) -> ir.Model | None:
    """Remove nodes whose output is their input: Identity, Dropout, casts to the same type, reshapes to the same shape.

    ::

        x -> Dropout -> Reshape([1, 512]) -> y    becomes    x -> y      where x has that shape already
    """
    infer_shapes(model)
    graph = model.graph
    changed = False
    for node in list(graph):
        source, result = (node.inputs[0] if node.inputs else None), node.outputs[0]
        if source is None or not _passes_on(node, source, result) or any(value.uses() for value in node.outputs[1:]):
            continue
        if result.is_graph_output() or any(value.is_graph_output() for value in node.outputs[1:]):
            continue  # an output keeps its name and its own blob
        result.replace_all_uses_with(source)
        graph.remove(node, safe=True)
        changed = True
    return model if changed else None


def _passes_on(node: ir.Node, source: ir.Value, result: ir.Value) -> bool:
    if node.domain not in ("", "ai.onnx"):
        return False
    if node.op_type == "Identity":
        return True
    if node.op_type == "Dropout":
        training = node.inputs[2] if len(node.inputs) > 2 else None
        return training is None or (training.const_value is not None and not training.const_value.numpy().any())
    if node.op_type == "Cast":
        return source.dtype is not None and int(source.dtype) == node.attributes["to"].as_int()
    if node.op_type in ("Concat", "Sum", "Max", "Min", "Mean"):
        return len(node.inputs) == 1
    if node.op_type == "Transpose":
        perm = node.attributes.get("perm")
        return perm is not None and list(perm.as_ints()) == sorted(perm.as_ints())
    if node.op_type in _SHAPE_ONLY:
        shape = static_shape(source)
        # Slice and Pad could reorder or replace elements and keep the shape: a negative step, or pads that cancel out.
        if node.op_type in ("Slice", "Pad") and not _plain(node):
            return False
        return shape is not None and shape == static_shape(result)
    return False


def _plain(node: ir.Node) -> bool:
    """Whether a Slice has only positive steps, or a Pad only pads that are not negative."""
    index, name = (4, "steps") if node.op_type == "Slice" else (1, "pads")
    if name in node.attributes:
        return all(item >= 0 for item in node.attributes[name].as_ints())
    value = node.inputs[index] if len(node.inputs) > index else None
    if value is None:
        return node.op_type == "Slice"
    return value.const_value is not None and bool((value.const_value.numpy() >= 0).all())
