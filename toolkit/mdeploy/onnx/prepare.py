# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Brings an ONNX model into the one form that passes and converters work on.

Functions are inlined, constants are initializers, initializers are not inputs, every input has a fixed shape, half
and double precision become float32, and nothing about the machine that exported it is left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common

from mdeploy.errors import InputError, UnsupportedError

__all__ = ["Prepared", "cast_to_float32", "prepare"]

_IR_VERSION = 8  # before 4, an initializer had to be an input too
_FLOATS = (ir.DataType.FLOAT16, ir.DataType.DOUBLE, ir.DataType.BFLOAT16)


@dataclass(frozen=True)
class Prepared:
    """The model, and what was done to it that matters later."""

    model: ir.Model
    cast: bool
    """Whether half or double precision became float32."""
    batches: tuple[str, ...] = ()
    """Inputs whose batch was open and is 1 now."""


def prepare(model: ir.Model, shapes: Mapping[str, tuple[int, ...]] | None = None, where: str = "model") -> Prepared:
    """Prepare a model in place. ``shapes`` fixes input shapes by name; the name "" stands for the only input.

    Raises ``InputError`` for shapes that do not fit and ``UnsupportedError`` where a dimension stays open.
    """
    for step in (
        common.InlinePass(),
        common.RemoveInitializersFromInputsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.ClearMetadataAndDocStringPass(),
        common.RemoveUnusedNodesPass(),
        common.TopologicalSortPass(),
    ):
        step(model)
    batches = _fix_shapes(model.graph, dict(shapes or {}), where)
    cast = cast_to_float32(model.graph)
    model.ir_version = max(model.ir_version, _IR_VERSION)
    model.producer_name, model.producer_version = "mdeploy", None
    model.doc_string = None
    model.metadata_props.clear()
    model.graph.name = "main"
    return Prepared(model, cast, batches)


def _fix_shapes(graph: ir.Graph, shapes: dict[str, tuple[int, ...]], where: str) -> tuple[str, ...]:
    """Give every input a fixed shape; return the inputs whose open batch became 1."""
    if "" in shapes:
        if len(graph.inputs) != 1:
            names = ", ".join(str(value.name) for value in graph.inputs)
            raise InputError(
                f"{where}: has {len(graph.inputs)} inputs ({names}); name each: --input-shape NAME=1,3,..."
            )
        shapes = {graph.inputs[0].name or "": shapes[""]}
    unknown = shapes.keys() - {value.name for value in graph.inputs}
    if unknown:
        names = ", ".join(str(value.name) for value in graph.inputs)
        raise InputError(f"{where}: --input-shape names {', '.join(sorted(unknown))}, but the inputs are {names}")
    changed = False
    batches = []
    for value in graph.inputs:
        wanted = shapes.get(value.name or "")
        if wanted is not None:
            _check_fits(value, wanted, where)
            changed = changed or value.shape is None or list(value.shape) != list(wanted)
            value.shape = ir.Shape(wanted)
        elif value.shape is not None and not value.shape.is_static() and _only_batch_is_open(value.shape):
            value.shape = ir.Shape([1, *list(value.shape)[1:]])
            batches.append(value.name or "")
            changed = True
        if value.shape is None or not value.shape.is_static():
            found = "no shape" if value.shape is None else f"shape {value.shape}"
            raise UnsupportedError(
                f"{where}: input {value.name!r} has {found}; a net for a phone has fixed shapes: "
                f"give --input-shape {value.name}=1,3,224,224 or what fits"
            )
    if changed:  # what was inferred for other shapes is wrong now
        for node in graph.all_nodes():
            for value in node.outputs:
                # An output of the graph must have some shape to be written at all.
                rank = len(value.shape) if value.is_graph_output() and value.shape is not None else None
                value.shape = None if rank is None else ir.Shape([None] * rank)
    return tuple(batches)


def _only_batch_is_open(shape: ir.Shape) -> bool:
    return len(shape) > 0 and all(isinstance(dim, int) for dim in list(shape)[1:])


def _check_fits(value: ir.Value, wanted: tuple[int, ...], where: str) -> None:
    if value.shape is None:
        return
    declared = list(value.shape)
    fits = len(declared) == len(wanted) and all(
        not isinstance(dim, int) or dim == size for dim, size in zip(declared, wanted, strict=True)
    )
    if not fits:
        raise InputError(f"{where}: input {value.name!r} has shape {value.shape}, --input-shape says {list(wanted)}")


def cast_to_float32(graph: ir.Graph, types: Collection[ir.DataType] = _FLOATS) -> bool:
    """Cast everything of ``types``, half and double precision by default; return whether there was any."""
    found = False
    values = [*graph.inputs, *graph.initializers.values()]
    values.extend(output for node in graph.all_nodes() for output in node.outputs)
    for value in values:
        if value.dtype not in types:
            continue
        found = True
        if value.const_value is not None:
            value.const_value = ir.tensor(value.const_value.numpy().astype(np.float32), name=value.name)
        value.dtype = ir.DataType.FLOAT
    for node in graph.all_nodes():
        for name, attribute in node.attributes.items():
            if attribute.type == ir.AttributeType.TENSOR and attribute.as_tensor().dtype in types:
                array = attribute.as_tensor().numpy().astype(np.float32)
                node.attributes[name] = ir.AttrTensor(name, ir.tensor(array))
            elif name == "to" and attribute.type == ir.AttributeType.INT and attribute.as_int() in types:
                node.attributes[name] = ir.AttrInt64(name, int(ir.DataType.FLOAT))
    return found
