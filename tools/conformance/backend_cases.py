# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX's own backend tests in the form in which they can be judged: arrays, and weights that are constants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend.test.case import model, node

__all__ = ["KINDS", "cases", "data_sets", "freeze", "is_float", "kind_of", "light_model", "operator_of"]

KINDS = ("node", "simple", "light")
_LIGHT = "onnx/backend/test/data/light/"
_FLOATS = ("float16", "float32", "float64", "bfloat16")

DataSets = list[tuple[list[Any], list[Any]]]


@cache
def _all_cases() -> dict[str, Any]:
    with np.errstate(all="ignore"):  # some tests are about overflow
        found = [*node.collect_testcases(None), *model.collect_testcases()]
    return {case.name: case for case in found if kind_of(case) in KINDS}


def cases(match: str = "", kinds: Sequence[str] = KINDS) -> list[Any]:
    """The tests whose name contains a part of ``match``."""
    parts = match.split(",")
    found = _all_cases().values()
    return [case for case in found if kind_of(case) in kinds and any(part in case.name for part in parts)]


def kind_of(case: Any) -> str:
    """``node``, ``simple``, ``light``, or what is not run here."""
    return "light" if (case.url or "").startswith(_LIGHT) else str(case.kind)


def operator_of(case: Any) -> str:
    """The operator that a test is about; an operator written out by its definition counts for that operator."""
    if kind_of(case) != "node":
        return f"whole models ({kind_of(case)})"
    whole = _all_cases().get(re.sub(r"_expanded.*$", "", case.name), case)
    nodes = whole.model.graph.node
    domain = nodes[0].domain
    return f"{domain}.{nodes[0].op_type}" if domain not in ("", "ai.onnx") else str(nodes[0].op_type)


def data_sets(case: Any) -> DataSets | None:
    """Inputs and outputs as arrays; None where some are sequences, or optional and left out."""
    found: DataSets = []
    for inputs, outputs in case.data_sets:
        pair = ([_array(item) for item in inputs], [_array(item) for item in outputs])
        if any(array is None for arrays in pair for array in arrays):
            return None
        found.append(pair)
    return found


def _array(item: Any) -> Any:
    if isinstance(item, onnx.TensorProto):
        return numpy_helper.to_array(item)
    return np.asarray(item) if isinstance(item, (np.ndarray, np.generic)) else None


def is_float(case: Any) -> bool:
    """Whether a test is about float tensors, by its first input."""
    if kind_of(case) == "light":
        return True
    data = data_sets(case)
    return bool(data and data[0][0] and str(data[0][0][0].dtype) in _FLOATS)


def freeze(proto: onnx.ModelProto, inputs: list[Any]) -> tuple[onnx.ModelProto, list[Any]]:
    """Make constants of all inputs but the first, as they are in a model for a phone."""
    frozen = onnx.ModelProto()
    frozen.CopyFrom(proto)
    names = [value.name for value in frozen.graph.input]
    for name, array in list(zip(names, inputs, strict=False))[1:]:
        frozen.graph.initializer.append(numpy_helper.from_array(array, name))
    del frozen.graph.input[1:]
    frozen.ir_version = max(frozen.ir_version, 4)  # before, an initializer had to be an input too
    return frozen, inputs[:1]


def light_model(case: Any) -> onnx.ModelProto:
    """A light model with random weights.

    Its own are all 0.02: every channel is the same, the scores are huge and equal, and which of them wins the softmax
    is rounding. Weights that differ also show a channel in the wrong place.
    """
    proto = onnx.load(Path(onnx.__file__).parent.parent / case.url)
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    random = np.random.default_rng(0)
    for item in proto.graph.node:
        if item.op_type == "ConstantOfShape" and len(shape := shapes[item.input[0]]) > 1:
            scale = np.sqrt(2.0 / np.prod(shape[1:]))
            tensor = numpy_helper.from_array((random.standard_normal(shape) * scale).astype(np.float32))
            output = item.output[0]
            item.CopyFrom(helper.make_node("Constant", [], [output], value=tensor))
    return proto
