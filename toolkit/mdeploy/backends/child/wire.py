# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The messages between the toolkit and a runtime's process: a JSON header and raw arrays in one length-prefixed frame.

The child may load this file by its path, so it must run on Python 3.9 with nothing but NumPy.

Frame, little-endian: magic ``MDC2``, header length (u32), payload length (u64), CRC-32 of header and payload (u32),
header (UTF-8 JSON, with the key ``arrays``: name, dtype and shape of each), payload (the arrays' bytes in C order).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["WireError", "pack", "read_exactly", "read_prefix", "unpack"]

_PREFIX = struct.Struct("<4sIQI")
_MAGIC = b"MDC2"
_MAX_HEADER = 64 << 20
_MAX_PAYLOAD = 8 << 30
_DTYPES = ("float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "int64", "bool")


class WireError(Exception):
    """The other side sent something that is not a frame."""


def pack(header: Mapping[str, Any], arrays: Sequence[tuple[str, Any]]) -> list[bytes]:
    """Return a frame as a list of byte strings. ``arrays`` is a list of (name, array)."""
    described: list[dict[str, Any]] = []
    payload: list[bytes] = []
    for name, array in arrays:
        array = np.asarray(array)
        shape = list(array.shape)  # before ascontiguousarray, which makes a scalar one-dimensional
        array = np.ascontiguousarray(array)
        if array.dtype.name not in _DTYPES:
            raise WireError(f"dtype {array.dtype} cannot be sent")
        described.append({"name": name, "dtype": array.dtype.name, "shape": shape})
        payload.append(array.tobytes())
    text = json.dumps(dict(header, arrays=described)).encode()
    crc = zlib.crc32(text)
    for part in payload:
        crc = zlib.crc32(part, crc)
    size = sum(len(part) for part in payload)
    return [_PREFIX.pack(_MAGIC, len(text), size, crc), text, *payload]


def read_prefix(data: bytes) -> tuple[int, int, int]:
    """Return (header length, payload length, CRC) of a frame's first bytes."""
    magic, header, payload, crc = _PREFIX.unpack(data)
    if magic != _MAGIC or header > _MAX_HEADER or payload > _MAX_PAYLOAD:
        raise WireError(f"not a frame: {data[:16]!r}")
    return header, payload, crc


def unpack(text: bytes, payload: bytes, crc: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (header, {name: array}) of a frame's two parts, everything checked."""
    if zlib.crc32(payload, zlib.crc32(text)) != crc:
        raise WireError("a frame arrived damaged")
    header = json.loads(text.decode())
    arrays: dict[str, Any] = {}
    offset = 0
    for entry in header.pop("arrays"):
        if entry["dtype"] not in _DTYPES:
            raise WireError(f"unknown dtype {entry['dtype']!r}")
        dtype = np.dtype(entry["dtype"])
        count = 1
        for extent in entry["shape"]:
            if not isinstance(extent, int) or extent < 0:
                raise WireError(f"bad shape {entry['shape']!r}")
            count *= extent
        if offset + count * dtype.itemsize > len(payload):
            raise WireError(f"array {entry['name']!r} is longer than its frame")
        array = np.frombuffer(payload, dtype, count, offset).reshape(entry["shape"])
        arrays[entry["name"]] = array
        offset += count * dtype.itemsize
    if offset != len(payload):
        raise WireError(f"a frame has {(len(payload) - offset)} bytes too many")
    return header, arrays


def read_exactly(read: Callable[[int], bytes | None], size: int) -> bytes | None:
    """Read ``size`` bytes by ``read(n)``; None when the stream ended before the first one."""
    parts: list[bytes] = []
    have = 0
    while have < size:
        part = read(min(size - have, 1 << 20))
        if not part:
            if have:
                raise WireError("the stream ended inside a frame")
            return None
        parts.append(part)
        have += len(part)
    return b"".join(parts)


PREFIX_SIZE = _PREFIX.size
