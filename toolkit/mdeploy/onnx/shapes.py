# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes and types of every value: ONNX's own inference, and a run where it does not know."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import onnx_ir as ir

from mdeploy.onnx.session import Array, PlainSession

__all__ = ["infer_shapes"]


def infer_shapes(model: ir.Model, inputs: Sequence[Array] | None = None) -> ir.Model:
    """Return the model with shapes and types on every value that inference, or one run on ``inputs``, can tell."""
    proto = onnx.shape_inference.infer_shapes(ir.to_proto(model), data_prop=True)
    inferred = ir.from_proto(proto)
    missing = [value for node in inferred.graph for value in node.outputs if _unknown(value)]
    if missing and inputs is not None:
        _observe(proto, missing, inputs)
    return inferred


def _unknown(value: ir.Value) -> bool:
    return bool(value.name) and (value.shape is None or value.dtype is None or not value.shape.is_static())


def _observe(proto: onnx.ModelProto, missing: list[ir.Value], inputs: Sequence[Array]) -> None:
    """Shapes are fixed by the inputs, so one run shows those that inference could not derive."""
    outputs = {output.name for output in proto.graph.output}
    watched = onnx.ModelProto()
    watched.CopyFrom(proto)
    watched.graph.output.extend(onnx.ValueInfoProto(name=value.name) for value in missing if value.name not in outputs)
    session = PlainSession(watched)
    seen = dict(zip(session.output_names, session.run(inputs), strict=True))
    for value in missing:
        array = seen.get(value.name or "")
        if array is not None and hasattr(array, "shape"):
            value.shape = ir.Shape(array.shape)
            value.dtype = ir.DataType.from_numpy(array.dtype)
