# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What passes need to rewrite a graph: new nodes in place of one, constants, and reductions of any opset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

__all__ = ["Rewriter", "axes_of", "constant_value", "opset_of", "static_shape"]

# From these opsets on, the axes of a reduction are an input.
_AXES_INPUT = {"ReduceSum": 13}
_AXES_INPUT_DEFAULT = 18


class Rewriter:
    """Puts new nodes where one node stands, and lets its readers read the last of them."""

    def __init__(self, model: ir.Model, node: ir.Node) -> None:
        assert node.graph is not None
        self._graph = node.graph
        self._node = node
        self._opset = opset_of(model)

    def add(self, op_type: str, inputs: Sequence[ir.Value | None], **attributes: Any) -> ir.Value:
        """Insert a node before the one that is replaced, and return its output."""
        new = ir.node(op_type, inputs, attributes)
        self._graph.insert_before(self._node, new)
        source = self._node.outputs[0]
        new.outputs[0].name = self._unique(f"{source.name}_{op_type.lower()}")
        new.name = new.outputs[0].name
        new.outputs[0].type = source.type
        return new.outputs[0]

    def reduce(self, op_type: str, value: ir.Value, axes: Sequence[int], keepdims: bool = True) -> ir.Value:
        """Insert a reduction in the spelling of the model's opset."""
        if self._opset >= _AXES_INPUT.get(op_type, _AXES_INPUT_DEFAULT):
            return self.add(op_type, [value, self.constant(np.array(axes, np.int64))], keepdims=int(keepdims))
        return self.add(op_type, [value], axes=list(axes), keepdims=int(keepdims))

    def constant(self, array: Any) -> ir.Value:
        """Add an initializer."""
        name = self._unique(f"{self._node.outputs[0].name}_constant")
        value = constant_value(name, array)
        self._graph.register_initializer(value)
        return value

    def finish(self, result: ir.Value) -> None:
        """Let ``result`` stand for the node's first output, under its name, and remove the node."""
        old = self._node.outputs[0]
        result.shape, result.type = old.shape, old.type
        name, old.name = old.name, f"{old.name}_replaced"
        result.name = name
        old.replace_all_uses_with(result, replace_graph_outputs=True)
        self._graph.remove(self._node, safe=True)

    def _unique(self, name: str) -> str:
        taken = {value.name for node in self._graph for value in node.outputs}
        taken.update(self._graph.initializers, (value.name for value in self._graph.inputs))
        candidate, number = name, 1
        while candidate in taken:
            candidate, number = f"{name}_{number}", number + 1
        return candidate


def constant_value(name: str, array: Any) -> ir.Value:
    """A constant that can be registered as an initializer."""
    tensor = ir.tensor(np.asarray(array), name=name)
    shape = ir.Shape(tensor.shape.numpy())
    return ir.Value(name=name, shape=shape, type=ir.TensorType(tensor.dtype), const_value=tensor)


def opset_of(model: ir.Model) -> int:
    """Version of the default operator set."""
    return model.opset_imports.get("", 1)


def static_shape(value: ir.Value | None) -> tuple[int, ...] | None:
    """Shape of a value where every dimension is known."""
    if value is None or value.shape is None or not value.shape.is_static():
        return None
    return tuple(value.shape.numpy())


def axes_of(node: ir.Node) -> list[int] | None:
    """Axes of a reduction from its attribute or its constant input; None where they are not known or left out."""
    attribute = node.attributes.get("axes")
    if attribute is not None:
        return list(attribute.as_ints())
    value = node.inputs[1] if len(node.inputs) > 1 else None
    if value is None or value.const_value is None:
        return None
    return [int(axis) for axis in value.const_value.numpy().ravel()]
