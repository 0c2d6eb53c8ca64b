# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The table of converters, one entry per ONNX operator; ``docs/operators.md`` is generated from it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from mdeploy.caffe2.node import NodeContext

__all__ = ["Converter", "converters", "converts"]

Function = Callable[[NodeContext], None]


@dataclass(frozen=True)
class Converter:
    """How one ONNX operator becomes Caffe2 operators."""

    op_type: str
    since: int
    maps_to: str
    limits: str
    dtypes: tuple[str, ...]
    function: Function


_CONVERTERS: dict[str, Converter] = {}


def converts(
    *op_types: str, to: str, since: int = 1, limits: str = "", dtypes: tuple[str, ...] = ("float32",)
) -> Callable[[Function], Function]:
    """Register a function as the converter of ONNX operators of the default domain.

    ``to`` says in words what it becomes, ``since`` is the first opset of the operator, ``limits`` what is refused,
    ``dtypes`` the types that data may have; everything else is refused before the function is called.
    """

    def register(function: Function) -> Function:
        for op_type in op_types:
            if op_type in _CONVERTERS:
                raise ValueError(f"{op_type} has two converters")
            _CONVERTERS[op_type] = Converter(op_type, since, to, limits, dtypes, function)
        return function

    return register


@cache
def converters() -> dict[str, Converter]:
    """Return all converters by ONNX operator type. Every module of ``mdeploy.caffe2.ops`` registers its own."""
    from mdeploy.caffe2 import ops

    for module in pkgutil.iter_modules(ops.__path__):
        importlib.import_module(f"{ops.__name__}.{module.name}")
    return dict(sorted(_CONVERTERS.items()))
