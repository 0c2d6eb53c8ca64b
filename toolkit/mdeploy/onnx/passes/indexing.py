# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reading and writing at constant places, by Gather alone."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common

from mdeploy.onnx.passes.editing import Rewriter, static_shape
from mdeploy.onnx.shapes import infer_shapes
from mdeploy.tensors import Array

__all__ = ["expand_indexing"]


def expand_indexing(model: ir.Model) -> ir.Model | None:
    """Write GatherND, GatherElements and the Scatters with constant indices as one Gather of the flat tensor.

    ::

        GatherND(x, indices)                becomes    Reshape([-1]) -> Gather -> Reshape
        ScatterElements(x, indices, new)    becomes    Concat(x flat, new flat) -> Gather -> Reshape

    torch's exporters write the first for adaptive pooling and the second for assignment to a slice.
    """
    if not any(node.op_type in _PLACES for node in model.graph):
        return None
    infer_shapes(model)
    changed = False
    for node in list(model.graph):
        places = _PLACES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if places is None or any(value is None for value in node.inputs):
            continue
        indices = node.inputs[1]
        shape, result = static_shape(node.inputs[0]), static_shape(node.outputs[0])
        if indices is None or indices.const_value is None or shape is None or result is None or 0 in shape + result:
            continue
        chosen = places(node, shape, indices.const_value.numpy())
        if chosen is None:
            continue
        rewriter = Rewriter(model, node)
        flat = [_flat(rewriter, value) for index, value in enumerate(node.inputs) if index != 1]
        source = flat[0] if len(flat) == 1 else rewriter.add("Concat", flat, axis=0)
        taken = rewriter.add("Gather", [source, rewriter.constant(chosen.reshape(-1))], axis=0)
        taken.shape = ir.Shape([chosen.size])
        rewriter.finish(rewriter.add("Reshape", [taken, rewriter.constant(np.array(result, np.int64))]))
        changed = True
    if changed:
        common.RemoveUnusedNodesPass()(model)  # the indices too
    return model if changed else None


def _flat(rewriter: Rewriter, value: ir.Value | None) -> ir.Value:
    assert value is not None
    flat = rewriter.add("Reshape", [value, rewriter.constant(np.array([-1], np.int64))])
    flat.type = value.type
    flat.shape = None
    return flat


def _inside(indices: Array, size: int) -> Array | None:
    """Indices counted from the front, or None where one lies outside."""
    if indices.size and not (-size <= indices.min() and indices.max() < size):
        return None
    return np.where(indices < 0, indices + size, indices).astype(np.int64)


def _gather_nd(node: ir.Node, shape: tuple[int, ...], indices: Array) -> Array | None:
    """Flat places of GatherND."""
    batch = node.attributes["batch_dims"].as_int() if "batch_dims" in node.attributes else 0
    depth = indices.shape[-1]
    numbers = np.arange(prod(shape)).reshape(shape)
    columns = [_inside(indices[..., axis], shape[batch + axis]) for axis in range(depth)]
    if any(column is None for column in columns):
        return None
    leading: list[Array | None] = []
    for axis in range(batch):
        size = shape[axis]
        leading.append(np.arange(size).reshape([size if at == axis else 1 for at in range(indices.ndim - 1)]))
    places: Any = (*leading, *columns)
    return np.asarray(numbers[places], np.int64)


def _elements(node: ir.Node, shape: tuple[int, ...], indices: Array) -> tuple[Array, ...] | None:
    """For GatherElements and ScatterElements: the coordinates of every index."""
    axis = (node.attributes["axis"].as_int() if "axis" in node.attributes else 0) % len(shape)
    inside = _inside(indices, shape[axis])
    if inside is None:
        return None
    grid: list[Array] = list(np.indices(indices.shape))
    grid[axis] = inside
    return tuple(grid)


def _gather_elements(node: ir.Node, shape: tuple[int, ...], indices: Array) -> Array | None:
    places = _elements(node, shape, indices)
    return None if places is None else np.arange(prod(shape)).reshape(shape)[places]


def _scatter_elements(node: ir.Node, shape: tuple[int, ...], indices: Array) -> Array | None:
    places = _elements(node, shape, indices)
    if _reduces(node) or places is None:
        return None
    return _overwritten(shape, places, indices.shape)


def _scatter_nd(node: ir.Node, shape: tuple[int, ...], indices: Array) -> Array | None:
    if _reduces(node):
        return None
    columns = [_inside(indices[..., axis], shape[axis]) for axis in range(indices.shape[-1])]
    if any(column is None for column in columns):
        return None
    return _overwritten(shape, tuple(columns), (*indices.shape[:-1], *shape[indices.shape[-1] :]))


def _overwritten(shape: tuple[int, ...], places: tuple[Any, ...], new: tuple[int, ...]) -> Array:
    """For each element of the result: its own number, or that of the new value behind all of them; the last wins."""
    numbers = np.arange(prod(shape)).reshape(shape)
    numbers[places] = prod(shape) + np.arange(prod(new)).reshape(new)
    return numbers


def _reduces(node: ir.Node) -> bool:
    reduction = node.attributes.get("reduction")
    return reduction is not None and reduction.as_string() != "none"


_PLACES: dict[str, Callable[[ir.Node, tuple[int, ...], Array], Array | None]] = {
    "GatherND": _gather_nd,
    "GatherElements": _gather_elements,
    "Scatter": _scatter_elements,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
}
