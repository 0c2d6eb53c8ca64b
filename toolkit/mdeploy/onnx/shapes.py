# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes and types of every value: ONNX's own inference, and a run where it does not know."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import onnx_ir as ir

from mdeploy.errors import InputError, first_line
from mdeploy.onnx.light import proto_with_weights_as_inputs
from mdeploy.onnx.session import PlainSession
from mdeploy.tensors import Array

__all__ = ["infer_shapes"]


def infer_shapes(model: ir.Model, inputs: Sequence[Array] | None = None) -> None:
    """Set shape and type of every value that inference, or one run on ``inputs``, can tell.

    Raises ``InputError`` where the graph contradicts itself.
    """
    proto, _ = proto_with_weights_as_inputs(model)
    try:
        inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except Exception as error:  # ONNX's own errors come from C++ and share no base class
        line = first_line(error, whole=True)
        raise InputError(f"ONNX shape inference stops at this graph: {line}") from error
    known = {info.name: info for info in (*inferred.graph.value_info, *inferred.graph.output)}
    values = [value for node in model.graph for value in node.outputs]
    for value in values:
        if value.name in known:
            _take(value, known[value.name])
    missing = [value for value in values if _unknown(value)]
    if missing and inputs is not None:
        _observe(model, missing, inputs)


def _take(value: ir.Value, info: onnx.ValueInfoProto) -> None:
    found = ir.serde.deserialize_value_info_proto(info, None)
    if found.shape is not None and (value.shape is None or not value.shape.is_static()):
        value.shape = found.shape
    if found.dtype is not None:
        value.dtype = found.dtype


def _unknown(value: ir.Value) -> bool:
    return bool(value.name) and (value.shape is None or value.dtype is None or not value.shape.is_static())


def _observe(model: ir.Model, missing: list[ir.Value], inputs: Sequence[Array]) -> None:
    """Shapes are fixed by the inputs, so one run shows those that inference could not derive."""
    outputs = model.graph.outputs
    count = len(outputs)
    watched = [value for value in missing if value not in outputs]
    outputs.extend(watched)
    try:
        arrays = PlainSession(model).run(inputs)
    finally:
        del outputs[count:]
    for value, array in zip([*outputs, *watched], arrays, strict=True):
        if value in missing and hasattr(array, "shape"):
            value.shape = ir.Shape(array.shape)
            value.dtype = ir.DataType.from_numpy(array.dtype)
