# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of the words of foreign errors."""

from __future__ import annotations

import pytest

from mdeploy.errors import first_line, named_line


@pytest.mark.parametrize(
    ("text", "first", "whole", "named"),
    [
        ("one", "one", "one", "KeyboardInterrupt: one"),
        ("  one\t two \n three\n", "one two", "one two three", "KeyboardInterrupt: one two"),
        ("\n\n  \nlate\nlater", "late", "late later", "KeyboardInterrupt: late"),
        ("", "KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
        (" \n\t\r\n", "KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("x" * 1000, "x" * 300, "x" * 300, "KeyboardInterrupt: " + "x" * 300),
    ],
)
def test_one_line_of_any_error(text: str, first: str, whole: str, named: str) -> None:
    error = KeyboardInterrupt(text)
    assert (first_line(error), first_line(error, whole=True), named_line(error)) == (first, whole, named)
