# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reads net files as Caffe2 does: binary, or protobuf's text format."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from mdeploy.caffe2.messages import NetDef
from mdeploy.errors import InputError, first_line
from mdeploy.files import reading

__all__ = ["find_pair", "init_beside", "is_net", "read_net"]

_MAX_NET_BYTES = 2 << 30  # protobuf's own limit, and Caffe2's (utils/proto_utils.cc)
_NETS = (".pb", ".pbtxt", ".prototxt", ".txt")
_INIT_NAMES = ("init_net.pb", "init_net.pbtxt")
_PREDICT_NAMES = ("predict_net.pb", "predict_net.pbtxt")


def read_net(path: Path) -> Any:
    """Read a NetDef. Raises ``InputError`` for a file that is neither form, or that holds no operators."""
    data = _read(path)
    net = _binary(data)
    if net is None:
        net = _text(path, data)
    if not net.op:
        raise InputError(f"{path}: not a Caffe2 net, or one without operators")
    return net


def is_net(path: Path) -> bool:
    """Whether a file holds a Caffe2 net, by what is in it: an ONNX file can be called model.pb too."""
    if path.suffix not in _NETS or not path.is_file():
        return False
    try:
        return bool(read_net(path).op)
    except InputError:
        return False


def init_beside(path: Path) -> Path | None:
    """The init net beside a predict net: under its name with init for predict, or under the usual name."""
    names = [path.name.replace("predict", "init"), *_INIT_NAMES]
    return next((path.with_name(name) for name in names if name != path.name and path.with_name(name).is_file()), None)


def find_pair(folder: Path) -> tuple[Path | None, Path] | None:
    """The init net, where there is one, and the predict net of a folder; None for a folder without them."""
    for name in _PREDICT_NAMES:
        if (folder / name).is_file():
            return init_beside(folder / name), folder / name
    return None


def _read(path: Path) -> bytes:
    with reading(path) as stream:
        if os.fstat(stream.fileno()).st_size > _MAX_NET_BYTES:
            raise InputError(f"{path}: more than the 2 GiB that a Caffe2 net can have")
        return stream.read()


def _binary(data: bytes) -> Any:
    """The net, or None. A text that begins with a newline can pass for a binary net whose operators have no type."""
    try:
        net = NetDef.FromString(data)
    except DecodeError:
        return None
    sound = all(op.type for op in net.op) and all(isinstance(name, str) for name in _names(net))
    return net if net.op and sound else None


def _names(net: Any) -> Iterator[Any]:
    """Every name in a net. Those that are not UTF-8 come as bytes (upb), or not at all (UnicodeDecodeError)."""
    try:
        yield from (net.name, *net.external_input, *net.external_output)
        for op in net.op:
            yield from (op.type, op.name, op.engine, *op.input, *op.output)
            yield from (arg.name for arg in op.arg)
    except UnicodeDecodeError:
        yield None


def _text(path: Path, data: bytes) -> Any:
    try:
        return text_format.Parse(data.decode("utf-8"), NetDef(), allow_unknown_field=True)
    except (UnicodeDecodeError, ValueError, text_format.ParseError, RecursionError) as error:
        raise InputError(f"{path}: neither a binary nor a text Caffe2 net: {first_line(error)}") from error
