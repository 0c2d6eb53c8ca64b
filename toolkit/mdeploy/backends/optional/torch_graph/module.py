# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The graph as a ``torch.nn.Module``: tracing and exporting it gives the graph's own operators, nothing around them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mdeploy.backends.optional.torch_graph import elementwise, linear, reduction, shape, window
from mdeploy.backends.optional.torch_graph.registry import OPERATORS, Node
from mdeploy.errors import InputError, UnsupportedError, first_line

__all__ = ["GraphModule", "load_graph"]

_FAMILIES = (elementwise, linear, reduction, shape, window)  # importing them fills OPERATORS


class GraphModule(torch.nn.Module):
    """Inputs and outputs by position. Raises ``UnsupportedError`` with every node that has no form in torch."""

    def __init__(self, model: Any) -> None:
        import onnx
        from onnx import numpy_helper

        super().__init__()
        graph = model.graph
        opset = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 1)
        unknown = [
            f"{node.name or node.output[0]} ({node.op_type})"
            for node in graph.node
            if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx")
        ]
        if unknown:
            raise UnsupportedError(f"no form in torch for {', '.join(unknown)}")
        constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
        self._inputs = [value.name for value in graph.input if value.name not in constants]
        self._outputs = [value.name for value in graph.output]
        self._buffers_of = {}
        for index, (name, array) in enumerate(constants.items()):
            self._buffers_of[name] = f"constant_{index}"
            self.register_buffer(f"constant_{index}", torch.from_numpy(np.array(array)))
        read = {name for node in graph.node for name in node.input} | set(self._outputs)
        self._steps = []
        for node in graph.node:
            attributes = {item.name: _plain(onnx.helper.get_attribute_value(item)) for item in node.attribute}
            given = tuple(constants.get(name) if name else False for name in node.input)
            used = max((i + 1 for i, name in enumerate(node.output) if name in read), default=0)
            name = node.name or node.output[0]
            described = Node(node.op_type, name, opset, attributes, given, len(node.output), used)
            self._steps.append((OPERATORS[node.op_type], described, list(node.input), list(node.output)))

    @property
    def constants(self) -> dict[str, torch.Tensor]:
        """The initializers by name."""
        return {name: getattr(self, buffer) for name, buffer in self._buffers_of.items()}

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, by position."""
        return tuple(self._inputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs, by position."""
        return tuple(self._outputs)

    @property
    def nodes(self) -> list[tuple[Node, list[str], list[str]]]:
        """Every node with the names of what it reads and of what it makes, in the order of computation."""
        return [(node, names, results) for _, node, names, results in self._steps]

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Run the nodes in order."""
        values = self.values(*inputs)
        outputs = tuple(values[name] for name in self._outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def values(self, *inputs: torch.Tensor) -> dict[str, Any]:
        """Every tensor of the graph by name."""
        values: dict[str, Any] = {name: getattr(self, buffer) for name, buffer in self._buffers_of.items()}
        values.update(zip(self._inputs, inputs, strict=True))
        values[""] = None
        for function, node, names, results in self._steps:
            made = function(node, *(values[name] for name in names))
            values.update(zip(results, made if isinstance(made, (list, tuple)) else [made], strict=False))
        return values


def load_graph(path: Path) -> GraphModule:
    """Read an ONNX file in the form that artifacts have."""
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's and onnx's own errors differ by version
        raise InputError(f"{path}: not an ONNX file: {first_line(error)}") from error
    return GraphModule(model).eval()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "data_type"):  # a TensorProto
        from onnx import numpy_helper

        return numpy_helper.to_array(value)
    return value
