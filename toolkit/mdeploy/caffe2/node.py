# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a converter sees of the ONNX node it converts: inputs, constants, shapes, attributes, and the net to add to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from mdeploy.caffe2.net import ArgValue, NetBuilder
from mdeploy.tensors import Array

__all__ = ["NodeContext", "Unsupported"]


class Unsupported(Exception):  # noqa: N818 - a finding about the model, collected and shown with all others
    """This node cannot be expressed. ``remedy`` is what the user can do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class NodeContext:
    """One ONNX node, and the net that its converter adds operators to."""

    def __init__(self, node: ir.Node, net: NetBuilder, blobs: dict[ir.Value, str], opset: int) -> None:
        self.node = node
        self.net = net
        self.opset = opset
        self._blobs = blobs

    # -- inputs and outputs ------------------------------------------------------------------------------------------
    def has_input(self, index: int) -> bool:
        """Whether input ``index`` is given; ONNX writes a left-out optional input as an empty name."""
        return index < len(self.node.inputs) and self.node.inputs[index] is not None

    def value(self, index: int) -> ir.Value:
        """Input ``index``, which must be given."""
        value = self.node.inputs[index] if index < len(self.node.inputs) else None
        if value is None:
            raise Unsupported(f"input {index} is missing", "repair the ONNX file")
        return value

    def blob(self, index: int = 0) -> str:
        """Blob of input ``index``. A constant becomes a weight."""
        return self.blob_of(self.value(index))

    def blob_of(self, value: ir.Value) -> str:
        """Blob of any value of the graph. A constant becomes a weight."""
        if value not in self._blobs:
            array = constant(value)
            if array is None:
                raise Unsupported(f"input {value.name!r} has no producer", "repair the ONNX file")
            self._blobs[value] = self.net.weight(array, value.name or "weight")
        return self._blobs[value]

    def output(self, index: int = 0) -> str:
        """Blob of output ``index``."""
        return self._blobs[self.node.outputs[index]]

    def uses_output(self, index: int) -> bool:
        """Whether anything reads output ``index``."""
        if index >= len(self.node.outputs):
            return False
        value = self.node.outputs[index]
        return bool(value.uses()) or value.is_graph_output()

    def constant(self, index: int) -> Array | None:
        """Value of input ``index`` where it is a constant, else None."""
        return constant(self.value(index)) if self.has_input(index) else None

    def need_constant(self, index: int, what: str) -> Array:
        """Value of input ``index``, which must be a constant."""
        array = self.constant(index)
        if array is None:
            raise Unsupported(
                f"{what} is computed while the net runs and does not fold to a constant",
                "export with fixed shapes (--input-shape) and constant arguments",
            )
        return array

    def shape(self, index: int = 0) -> tuple[int, ...]:
        """Shape of input ``index``."""
        return shape_of(self.value(index))

    def output_shape(self, index: int = 0) -> tuple[int, ...]:
        """Shape of output ``index``."""
        return shape_of(self.node.outputs[index])

    def dtype(self, index: int = 0) -> str:
        """Numpy name of the type of input ``index``."""
        return dtype_of(self.value(index))

    def output_dtype(self, index: int = 0) -> str:
        """Numpy name of the type of output ``index``."""
        return dtype_of(self.node.outputs[index])

    # -- attributes --------------------------------------------------------------------------------------------------
    def attribute(self, name: str, default: Any = None) -> Any:
        """Value of an attribute as a plain Python value."""
        attribute = self.node.attributes.get(name)
        return default if attribute is None else attribute.value

    def ints(self, name: str, input_index: int | None = None) -> list[int] | None:
        """A list of integers that newer opsets give as an input and older ones as an attribute; None if left out."""
        if input_index is not None and self.has_input(input_index):
            return [int(item) for item in self.need_constant(input_index, name).ravel()]
        value = self.attribute(name)
        return None if value is None else [int(item) for item in value]

    def axis(self, default: int, rank: int | None = None) -> int:
        """The attribute ``axis``, made positive."""
        return positive_axis(int(self.attribute("axis", default)), len(self.shape()) if rank is None else rank)

    # -- building ----------------------------------------------------------------------------------------------------
    def add(self, kind: str, inputs: Sequence[str], **args: ArgValue) -> None:
        """Add an operator whose output is the node's first."""
        self.net.add(kind, inputs, [self.output()], **args)

    def then(self, kind: str, inputs: Sequence[str], **args: ArgValue) -> str:
        """Add an operator with a new blob as its output, and return that blob."""
        blob = self.temporary(kind)
        self.net.add(kind, inputs, [blob], **args)
        return blob

    def reshape(self, blob: str, shape: Sequence[int], output: str | None = None) -> str:
        """Add a Reshape, which has a second output that must be named though nobody reads it."""
        output = self.temporary("Reshape") if output is None else output
        self.net.add("Reshape", [blob], [output, self.temporary("old_shape")], shape=list(shape))
        return output

    def temporary(self, hint: str) -> str:
        """A new blob named after the node's output."""
        return self.net.blob(f"{self.output()}_{hint.lower()}")

    def weight(self, array: Array, hint: str) -> str:
        """Add a constant."""
        return self.net.weight(np.asarray(array), f"{self.output()}_{hint}")

    def finish(self, blob: str) -> None:
        """Let ``blob``, which nothing else reads, be the node's output: its operator is renamed, or copied."""
        operators = self.net.operators
        if operators and operators[-1].outputs[:1] == (blob,):
            last = operators.pop()
            operators.append(replace(last, outputs=(self.output(), *last.outputs[1:])))
        else:
            self.add("Copy", [blob])

    def operand(self, index: int) -> str:
        """Input of an operator that broadcasts.

        A constant without dimensions gets one where the result has some: it broadcasts the same, and every reader
        has seen it.
        """
        array = self.constant(index)
        if array is None or array.ndim or not self.output_shape():
            return self.blob(index)
        return self.weight(array.reshape(1), "constant")

    def expanded(self, index: int) -> str:
        """Input broadcast to the shape of the output, for operators that do not broadcast by themselves."""
        shape = self.output_shape()
        if self.shape(index) == shape:
            return self.blob(index)
        array = self.constant(index)
        if array is not None:
            return self.weight(np.broadcast_to(array, shape), "expanded")
        return self.then("Expand", [self.blob(index), self.weight(np.array(shape, np.int64), "shape")])

    def extreme(self, kind: str, left: str, right: str) -> str:
        """Max or Min of two blobs of the output's type and shape; Caffe2's own take floats only."""
        if self.output_dtype() == "float32":
            return self.then(kind, [left, right])
        chosen = self.then("GT" if kind == "Max" else "LT", [left, right])
        return self.then("Where", [chosen, left, right])

    # -- refusing ----------------------------------------------------------------------------------------------------
    def require(self, condition: bool, reason: str, remedy: str) -> None:
        """Refuse the node unless ``condition`` holds."""
        if not condition:
            raise Unsupported(reason, remedy)

    def require_rank(self, rank: int, index: int = 0) -> None:
        """Refuse the node unless input ``index`` has ``rank`` dimensions."""
        found = self.shape(index)
        if len(found) != rank:
            raise Unsupported(
                f"input {index} has shape {list(found)}, only {rank}-dimensional tensors are supported",
                "reshape in the model",
            )


def constant(value: ir.Value) -> Array | None:
    """Numpy array of an initializer, else None."""
    if value.const_value is None:
        return None
    array: Array = value.const_value.numpy()
    return array


def shape_of(value: ir.Value) -> tuple[int, ...]:
    """Static shape of a value. Raises ``Unsupported`` where a dimension is not known."""
    if value.const_value is not None:
        return tuple(int(dim) for dim in value.const_value.shape.numpy())
    if value.shape is None or not value.shape.is_static():
        found = "unknown" if value.shape is None else str(value.shape)
        raise Unsupported(
            f"the shape of {value.name!r} is {found}; a net for a phone has fixed shapes",
            "give every input a fixed shape with --input-shape",
        )
    return tuple(value.shape.numpy())


def dtype_of(value: ir.Value) -> str:
    """Numpy name of a value's element type, such as float32."""
    if value.dtype is None:
        raise Unsupported(f"the type of {value.name!r} is not known", "run ONNX shape inference on the file")
    return str(value.dtype.numpy()) if value.dtype != ir.DataType.STRING else "string"


def positive_axis(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    if not -rank <= axis < max(rank, 1):
        raise Unsupported(f"axis {axis} of a tensor with {rank} dimensions", "repair the ONNX file")
    return axis + rank if axis < 0 else axis
