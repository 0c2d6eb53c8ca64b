# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the bulk of an init net straight from numpy memory.

Protobuf's Python lists would turn 27 million weights into 27 million Python floats first. A protobuf message is
the concatenation of its fields, so the few that are large are appended here and the rest is left to the library.
"""

from __future__ import annotations

import numpy as np

from mdeploy.caffe2.messages import Argument, OperatorDef
from mdeploy.tensors import Array

__all__ = ["delimited", "fill_operator", "packed_floats", "varint"]

_ARGUMENT_FLOATS = 5
_OPERATOR_ARG = 5
_LENGTH_DELIMITED = 2
_FIXED32 = 5

_INT_FILLS = {
    "int32": "GivenTensorIntFill",
    "int64": "GivenTensorInt64Fill",
    "int16": "GivenTensorInt16Fill",
    "bool": "GivenTensorBoolFill",
}


def varint(value: int) -> bytes:
    """Base-128 encoding of a number that is not negative."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(number: int, payload: bytes) -> bytes:
    """A length-delimited field: tag, length, payload."""
    return b"".join((varint(number << 3 | _LENGTH_DELIMITED), varint(len(payload)), payload))


def fill_operator(blob: str, array: Array, packed: bool) -> bytes:
    """Return a serialised OperatorDef that fills ``blob`` with ``array``.

    ``packed`` writes floats in 4 bytes each; Caffe2's own writer uses 5, with a tag before every value.
    """
    operator = OperatorDef(output=[blob])
    operator.arg.add(name="shape", ints=array.shape)
    if array.dtype.name == "float32":
        operator.type = "GivenTensorFill"
        head: bytes = operator.SerializeToString(deterministic=True)
        values = Argument(name="values").SerializeToString() + _floats(array, packed)
        return head + delimited(_OPERATOR_ARG, values)
    if array.dtype == np.uint8:
        operator.type = "GivenTensorByteStringToUInt8Fill"
        operator.arg.add(name="values", strings=[array.tobytes()])
    elif array.dtype.name in _INT_FILLS:
        operator.type = _INT_FILLS[array.dtype.name]
        operator.arg.add(name="values", ints=array.astype(np.int64).ravel().tolist())
    else:
        raise TypeError(f"{blob}: Caffe2 has no fill for {array.dtype}")
    data: bytes = operator.SerializeToString(deterministic=True)
    return data


def packed_floats(array: Array) -> bytes:
    """The field ``floats`` of an Argument, packed: 4 bytes each."""
    values = np.ascontiguousarray(array, dtype="<f4").ravel()
    return delimited(_ARGUMENT_FLOATS, values.tobytes()) if values.size else b""


def _floats(array: Array, packed: bool) -> bytes:
    if packed:
        return packed_floats(array)
    values = np.ascontiguousarray(array, dtype="<f4").ravel()
    records = np.empty(values.size, dtype=[("tag", "u1"), ("value", "<f4")])
    records["tag"] = _ARGUMENT_FLOATS << 3 | _FIXED32
    records["value"] = values
    return records.tobytes()
