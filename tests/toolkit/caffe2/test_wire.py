# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The bulk writer against protobuf itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mdeploy.caffe2.messages import OperatorDef
from mdeploy.caffe2.wire import fill_operator, varint

ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45, 3.4e38], np.float32),
    np.zeros((0, 3), np.float32),
    np.float32(7).reshape(()),
    np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1),
    np.array([-1, 0, 2**31 - 1], np.int32),
    np.array([-(2**63), 2**63 - 1], np.int64),
    np.array([True, False]),
    np.arange(256, dtype=np.uint8),
]


def by_protobuf(array: Any) -> Any:
    """The same operator, built field by field."""
    types = {
        "float32": "GivenTensorFill",
        "int32": "GivenTensorIntFill",
        "int64": "GivenTensorInt64Fill",
        "bool": "GivenTensorBoolFill",
        "uint8": "GivenTensorByteStringToUInt8Fill",
    }
    operator = OperatorDef(output=["w"], type=types[array.dtype.name])
    operator.arg.add(name="shape", ints=array.shape)
    values = operator.arg.add(name="values")
    if array.dtype.name == "float32":
        values.floats.extend(array.ravel().tolist())
    elif array.dtype == np.uint8:
        values.strings.append(array.tobytes())
    else:
        values.ints.extend(int(item) for item in array.ravel())
    return operator


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{list(a.shape)}")
@pytest.mark.parametrize("packed", [True, False])
def test_protobuf_reads_what_is_written(array: Any, packed: bool) -> None:
    read = OperatorDef.FromString(fill_operator("w", array, packed))
    # By bytes: NaN is not equal to itself, and 0.0 is equal to -0.0.
    assert read.SerializeToString(deterministic=True) == by_protobuf(array).SerializeToString(deterministic=True)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{list(a.shape)}")
def test_unpacked_is_byte_for_byte_what_protobuf_writes(array: Any) -> None:
    assert len(fill_operator("w", array, packed=False)) == len(by_protobuf(array).SerializeToString())


def test_sizes() -> None:
    array = np.ones(100_000, np.float32)
    assert 400_000 < len(fill_operator("w", array, packed=True)) < 400_100
    assert 500_000 < len(fill_operator("w", array, packed=False)) < 500_100


def test_big_endian_arrays_are_turned() -> None:
    array = np.array([1.5, -2.0], ">f4")
    assert fill_operator("w", array.astype(np.float32), True) == fill_operator("w", array, True)


def test_types_without_a_fill_are_refused() -> None:
    with pytest.raises(TypeError, match="no fill for float64"):
        fill_operator("w", np.zeros(2), packed=True)


@pytest.mark.parametrize(
    ("value", "data"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**32, "8080808010")]
)
def test_varint(value: int, data: str) -> None:
    assert varint(value).hex() == data
