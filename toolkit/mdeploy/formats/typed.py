# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Between validated JSON and frozen dataclasses, by the dataclasses' own types.

A member that no field has is ignored, a field that no member has keeps its default: that is how documents grow.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

__all__ = ["from_json", "to_json"]

T = TypeVar("T")


def from_json(kind: type[T], data: Mapping[str, Any]) -> T:
    """Make a dataclass from a validated JSON object. Fields may be dataclasses, tuples and mappings of such."""
    hints = _fields(typing.cast("Any", kind))
    return kind(**{key: _value(hints[key], value) for key, value in data.items() if key in hints})


def to_json(value: Any) -> Any:
    """Plain JSON values of a dataclass, in the order of its fields."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    return value


@cache
def _fields(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _value(hint: Any, value: Any) -> Any:
    """Turn a validated JSON value into what the field's type says."""
    if value is None:
        return None
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
    if dataclasses.is_dataclass(hint):
        return from_json(typing.cast("type[Any]", hint), value)
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        if arguments[0] in (int, float, str):  # by far the longest are samples
            return tuple(value)
        return tuple(_value(arguments[0], item) for item in value)
    if typing.get_origin(hint) is Mapping:
        return {key: _value(arguments[1], item) for key, item in value.items()}
    return value
