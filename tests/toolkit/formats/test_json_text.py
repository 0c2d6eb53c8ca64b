# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""JSON from elsewhere: what is a document, and what is refused in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mdeploy.errors import InputError
from mdeploy.formats.json_text import parse_json, read_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, -3e2, null, true, "x"]}', {"a": [1, 2.5, -300.0, None, True, "x"]}),
        (b'"\xc3\xa9"', "é"),
        ('"\\ud83d\\ude00"', "😀"),
        ("[" * 32 + "]" * 32, None),
        (str((1 << 63) - 1), (1 << 63) - 1),
        (str(-(1 << 63)), -(1 << 63)),
        ("1e308", 1e308),
    ],
)
def test_what_is_read(text: str | bytes, value: object) -> None:
    found = parse_json(text, "x")
    assert value is None or found == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[1] [2]", "Extra data"),
        (b"\xff", "not UTF-8: invalid start byte at byte 0"),
        ("NaN", "NaN is not a JSON number"),
        ("[-Infinity]", "-Infinity is not a JSON number"),
        ("1e999", "too large for a double"),
        ('{"a": {"b": [0, -1e400]}}', "too large for a double"),
        (str(1 << 63), "more than 64 bits"),
        (str(-(1 << 63) - 1), "more than 64 bits"),
        ("9" * 400, "more than 64 bits"),
        ("9" * 5000, "digits"),
        ('{"a": 1, "a": 2}', "the same key twice"),
        ('{"a": {"b": 1, "\\u0062": 1}}', "the same key twice"),
        ('"\\ud800"', "half of a surrogate pair"),
        ('{"\\udfff": 1}', "half of a surrogate pair"),
        ('"\\ud800\\ud800"', "half of a surrogate pair"),
        ("[" * 34 + "]" * 34, "nested too deeply"),
        ('{"a":' * 40 + "1" + "}" * 40, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ("[" + "[]," * 500_000 + "[]]", "too many values"),
        ("[" + "0," * 12_000_001 + "0]", "too many values"),
        ('"\n"', "Invalid control character"),
    ],
)
def test_what_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_json(text, "x.json")
    message = str(caught.value)
    assert message.startswith("x.json: not ")
    assert reason in message
    assert len(message.splitlines()) == 1
    assert len(message) < 300


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(InputError, match=r"cannot read .*x\.json: No such file"):
        read_json(path, 100)
    path.write_text("[1]")
    assert read_json(path, 3) == [1]
    with pytest.raises(InputError, match="3 bytes, at most 2 are read"):
        read_json(path, 2)
    with pytest.raises(InputError, match="Is a directory"):
        read_json(tmp_path, 100)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: it is not a regular file"):
        read_json(tmp_path / "pipe", 100)
    (tmp_path / "link").symlink_to("x.json")
    assert read_json(tmp_path / "link", 100) == [1]
