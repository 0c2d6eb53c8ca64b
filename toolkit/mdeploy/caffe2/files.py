# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reads net files as Caffe2 does: binary, or protobuf's text format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from mdeploy.caffe2.messages import NetDef
from mdeploy.errors import InputError

__all__ = ["read_net"]


def read_net(path: Path) -> Any:
    """Read a NetDef. Raises ``InputError`` for a file that is neither form, or that holds no operators."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        net = NetDef.FromString(data)
    except DecodeError:
        net = _text(path, data)
    if not net.op:
        raise InputError(f"{path}: not a Caffe2 net, or one without operators")
    return net


def _text(path: Path, data: bytes) -> Any:
    try:
        return text_format.Parse(data.decode("utf-8"), NetDef(), allow_unknown_field=True)
    except (UnicodeDecodeError, text_format.ParseError, RecursionError) as error:
        line = (str(error).splitlines() or [""])[0][:200]
        raise InputError(f"{path}: neither a binary nor a text Caffe2 net: {line}") from error
