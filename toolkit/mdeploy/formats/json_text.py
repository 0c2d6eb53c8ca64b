# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""JSON from elsewhere: one reading of it in Python and in the harness (``json_reader.cc``), in bounded time and memory.

Refused are NaN and infinities (also written as 1e999), integers beyond 64 bits, the same key twice, half of a surrogate
pair, and more nesting or more objects than a document of ours ever has.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from mdeploy.errors import InputError, first_line
from mdeploy.files import read_regular

__all__ = ["parse_json", "read_json"]

_MAX_DEPTH = 32
_MAX_CONTAINERS = 500_000
_MAX_VALUES = 12_000_000  # a report may have 10 million samples
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(path: Path, max_bytes: int) -> Any:
    """Read a JSON file. Raises ``InputError`` naming it, also for a pipe or a device, without waiting for one."""
    return parse_json(read_regular(path, max_bytes), str(path))


def parse_json(text: str | bytes, where: str) -> Any:
    """Parse a JSON text. Raises ``InputError`` naming ``where``."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if text.count("[") + text.count("{") > _MAX_CONTAINERS or text.count(",") > _MAX_VALUES:
            raise ValueError("too many values")
        data = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
        _check(data)
        if _SURROGATE.search(text):
            json.dumps(data, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8: {error.reason} at byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise InputError(f"{where}: not valid JSON: half of a surrogate pair in a text") from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else first_line(error)
        raise InputError(f"{where}: not valid JSON: {reason}") from error
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the same key twice in an object")
    return found


def _check(document: Any) -> None:
    """Look at every number and at the depth. Long arrays of numbers are looked at by functions in C alone."""
    pending = [([document], 0)]
    while pending:
        values, depth = pending.pop()
        kinds = set(map(type, values))
        if kinds & {dict, list}:
            if depth > _MAX_DEPTH:
                raise ValueError("nested too deeply")
            for value in values:
                if isinstance(value, (dict, list)):
                    pending.append((list(value.values()) if isinstance(value, dict) else value, depth + 1))
        if kinds & {int, float}:
            numbers = values if kinds <= {int, float} else [v for v in values if type(v) in (int, float)]
            _check_numbers(numbers, [v for v in numbers if type(v) is int] if int in kinds else ())


def _check_numbers(numbers: Iterable[float], integers: Iterable[int]) -> None:
    if min(integers, default=0) < -(1 << 63) or max(integers, default=0) >= 1 << 63:
        raise ValueError("an integer of more than 64 bits")
    if not all(map(math.isfinite, numbers)):  # 1e999 is a JSON number, and would be written as Infinity, which is none
        raise ValueError("a number too large for a double")
