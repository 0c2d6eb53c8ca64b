# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The graph without its weights, for tools that read a serialised model.

Shape inference, onnxsim and onnxruntime take bytes. Weights make those bytes a hundred times as long as the graph and
matter to none of the questions asked, so they stay where they are in memory and the bytes only name them.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import LiftConstantsToInitializersPass

from mdeploy.tensors import Array

__all__ = ["lift_constants", "proto_with_weights_as_inputs", "proto_with_weights_outside", "restore_weights"]

# Shapes, axes and scales, which inference needs the values of, are smaller.
_WEIGHT_BYTES = 4096


def _weights(model: ir.Model) -> list[ir.Value]:
    return [
        value
        for value in model.graph.initializers.values()
        if value.const_value is not None and value.const_value.nbytes > _WEIGHT_BYTES
    ]


def proto_with_weights_as_inputs(model: ir.Model) -> tuple[onnx.ModelProto, dict[str, ir.TensorProtocol]]:
    """Return the model with every weight as one more graph input, and the weights by name."""
    weights = _weights(model)
    tensors: dict[str, ir.TensorProtocol] = {}
    inputs = model.graph.inputs
    count = len(inputs)
    try:
        for value in weights:
            assert value.name is not None
            assert value.const_value is not None
            tensors[value.name] = value.const_value
            value.shape, value.dtype = ir.Shape(value.const_value.shape.numpy()), value.const_value.dtype
            value.const_value = None
            model.graph.initializers.pop(value.name)
            inputs.append(value)
        proto: onnx.ModelProto = ir.to_proto(model)
    finally:
        for value in weights:
            if value.name in tensors:
                value.const_value = tensors[value.name]
                model.graph.register_initializer(value)
        del inputs[count:]
    return proto, tensors


def restore_weights(proto: onnx.ModelProto, tensors: dict[str, ir.TensorProtocol]) -> ir.Model:
    """Undo ``proto_with_weights_as_inputs`` on what a tool made of the model."""
    model: ir.Model = ir.from_proto(proto)
    inputs = model.graph.inputs
    for value in [value for value in inputs if value.name in tensors]:
        inputs.remove(value)
        value.const_value = tensors[value.name or ""]
        if value.uses() or value.is_graph_output():
            model.graph.register_initializer(value)
    lift_constants(model)
    return model


def lift_constants(model: ir.Model) -> None:
    """Turn every Constant node into an initializer."""
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)


def proto_with_weights_outside(model: ir.Model) -> tuple[bytes, dict[str, Array]]:
    """Return the serialised model with weights as external data that no file holds, and the weights as arrays."""
    weights = _weights(model)
    tensors = [value.const_value for value in weights]
    arrays: dict[str, Array] = {}
    try:
        for value, tensor in zip(weights, tensors, strict=True):
            assert value.name is not None
            assert tensor is not None
            arrays[value.name] = tensor.numpy()
            value.const_value = ir.ExternalTensor(
                "memory", 0, tensor.nbytes, tensor.dtype, shape=ir.Shape(tensor.shape.numpy()), name=value.name
            )
        data: bytes = ir.to_proto(model).SerializeToString()
    finally:
        for value, tensor in zip(weights, tensors, strict=True):
            value.const_value = tensor
    return data, arrays
