# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What an operator is called with, and the table of operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mdeploy.errors import UnsupportedError

__all__ = ["OPERATORS", "Node", "operator"]

Function = TypeVar("Function", bound=Callable[..., Any])

OPERATORS: dict[str, Callable[..., Any]] = {}
"""By ONNX name: ``function(node, *inputs)``, inputs that are left out as None; returns a tensor or a list of them."""


@dataclass(frozen=True)
class Node:
    """One node of the graph. ``constants`` are the NumPy arrays of those inputs that are initializers, else None."""

    op_type: str
    name: str
    opset: int
    attributes: Mapping[str, Any]
    constants: tuple[Any, ...]
    outputs: int
    used: int
    """How many of the outputs, from the first on, something reads."""

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(name, default)

    def constant(self, index: int, name: str = "") -> Any:
        """An input that must be a constant, as an array; or the attribute that it was before; None where left out."""
        if name in self.attributes:
            return self.attributes[name]
        if index >= len(self.constants) or self.constants[index] is False:
            return None
        if self.constants[index] is None:
            raise self.refuse(f"input {index} is not a constant")
        return self.constants[index]

    def ints(self, index: int, name: str = "") -> list[int] | None:
        """``constant`` as a list of integers."""
        value = self.constant(index, name)
        return None if value is None else [int(v) for v in getattr(value, "reshape", lambda *_: value)(-1)]

    def number(self, index: int, name: str = "") -> float | None:
        """``constant`` as one number."""
        value = self.constant(index, name)
        return None if value is None else float(getattr(value, "reshape", lambda *_: [value])(-1)[0])

    def refuse(self, reason: str) -> UnsupportedError:
        """The error that names this node."""
        return UnsupportedError(f"node {self.name} ({self.op_type}): {reason}")


def operator(*names: str) -> Callable[[Function], Function]:
    """Register a function under ONNX names."""

    def register(function: Function) -> Function:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register
