# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Builds a Caffe2 net pair: weights go to the init net, operators to the predict net.

The rules that real Caffe2 enforces only when it runs are enforced here while building: the field of every argument
comes from its schema, data inputs come first in ``external_input`` (its Predictor binds inputs by position), and
operator names stay empty, because ``AveragePool`` reads meaning into them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.pair import NetPair
from mdeploy.caffe2.schema import SCHEMAS, ArgType, OperatorSchema
from mdeploy.caffe2.wire import delimited, fill_operator
from mdeploy.tensors import Array

__all__ = ["ArgValue", "Args", "NetBuilder", "Operator", "safe_name"]

ArgValue = float | int | str | Sequence[int] | Sequence[float]
Args = dict[str, ArgValue]

_NETDEF_OP = 2
_SHARE_BELOW = 4096  # bytes: equal small constants become one blob


@dataclass(frozen=True)
class Operator:
    """One operator of the predict net, its arguments already of the types that Caffe2 reads."""

    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    args: Args


@dataclass
class NetBuilder:
    """Collects weights and operators. Blob names are made safe and unique here."""

    name: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _shared: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def blob(self, hint: str) -> str:
        """Reserve a name for a new blob: ``hint`` made safe, with a number where it is taken."""
        base = safe_name(hint)
        name, number = base, 1
        while name in self._names:
            name, number = f"{base}_{number}", number + 1
        self._names.add(name)
        return name

    def weight(self, array: Array, hint: str) -> str:
        """Add a constant and return its blob. Equal small constants share one."""
        array = np.asarray(array, order="C")
        key = (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest())
        if array.nbytes <= _SHARE_BELOW and key in self._shared:
            return self._shared[key]
        name = self.blob(hint)
        self.weights[name] = array
        self._shared[key] = name
        return name

    def add(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **args: ArgValue) -> None:
        """Append an operator. Arguments are checked and typed by the operator's schema."""
        schema = SCHEMAS[kind]
        for role, names, (low, high) in (("inputs", inputs, schema.inputs), ("outputs", outputs, schema.outputs)):
            if not low <= len(names) <= high:
                raise ValueError(f"{kind}: {len(names)} {role}, Caffe2 takes {low} to {high}")
        typed = {key: _typed(schema, key, value) for key, value in args.items()}
        missing = schema.required - typed.keys()
        if missing:
            raise ValueError(f"{kind}: Caffe2 requires {', '.join(sorted(missing))}")
        self.operators.append(Operator(kind, tuple(inputs), tuple(outputs), typed))

    def build(self, packed: bool = True) -> NetPair:
        """Serialise both nets. Equal builders give equal bytes. Weights that no operator reads are left out."""
        weights = self._used_weights()
        predict = NetDef(name=f"{self.name}_predict")
        for op in self.operators:
            message = predict.op.add(input=op.inputs, output=op.outputs, type=op.type)
            for key, value in op.args.items():
                _set(message.arg.add(name=key), SCHEMAS[op.type].args[key], value)
        # Data inputs first, weights after: Predictor binds its inputs to the first names.
        predict.external_input.extend([*self.inputs, *weights])
        predict.external_output.extend(self.outputs)

        parts = [NetDef(name=f"{self.name}_init").SerializeToString(deterministic=True)]
        parts.extend(delimited(_NETDEF_OP, fill_operator(name, array, packed)) for name, array in weights.items())
        parts.append(NetDef(external_output=list(weights)).SerializeToString(deterministic=True))
        return NetPair(b"".join(parts), predict.SerializeToString(deterministic=True))

    @property
    def parameters(self) -> int:
        """Elements of the weights that some operator reads."""
        return sum(array.size for array in self._used_weights().values())

    def _used_weights(self) -> dict[str, Array]:
        used = {name for op in self.operators for name in op.inputs} | set(self.outputs)
        return {name: array for name, array in self.weights.items() if name in used}


def safe_name(hint: str) -> str:
    """A blob name of letters, digits, underscore, dot and slash, fit for shells, logs and file names of dumps."""
    name = re.sub(r"[^A-Za-z0-9_./]+", "_", hint).strip("/._")
    return name if name and not name[0].isdigit() else f"b{name}" if name else "blob"


def _typed(schema: OperatorSchema, key: str, value: ArgValue) -> ArgValue:
    kind = schema.args.get(key)
    if kind is None:
        raise ValueError(f"{schema.type}: no argument {key!r}")
    where = f"{schema.type}.{key}"
    if kind is ArgType.STRING:
        if not isinstance(value, str):
            raise TypeError(f"{where}: text expected, got {value!r}")
        return value
    if kind is ArgType.FLOAT:
        return float(np.float32(_number(where, value)))
    if kind is ArgType.INT:
        return _integer(where, value)
    if isinstance(value, (str, int, float)):
        raise TypeError(f"{where}: a list expected, got {value!r}")
    if kind is ArgType.INTS:
        return tuple(_integer(where, item) for item in value)
    return tuple(float(np.float32(_number(where, item))) for item in value)


def _number(where: str, value: object) -> float:
    if isinstance(value, (int, float, np.integer, np.floating)):
        return float(value)
    raise TypeError(f"{where}: a number expected, got {value!r}")


def _integer(where: str, value: object) -> int:
    if isinstance(value, (bool, int, np.integer)) and -(2**63) <= int(value) < 2**63:
        return int(value)
    raise TypeError(f"{where}: a whole number of 64 bits expected, got {value!r}")


def _set(argument: Any, kind: ArgType, value: Any) -> None:
    if kind is ArgType.STRING:
        argument.s = value.encode()
    elif kind in (ArgType.FLOAT, ArgType.INT):
        setattr(argument, kind.value, value)
    else:
        getattr(argument, kind.value).extend(value)
