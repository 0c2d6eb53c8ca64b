# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Silence around libraries that print from C++.

onnxsim warns about every node it leaves alone, and torch's TorchScript exporter prints the whole graph when it fails.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

__all__ = ["silent_output"]


@contextlib.contextmanager
def silent_output() -> Iterator[None]:
    """Keep what C++ code writes past Python's own streams off the terminal, and out of ``--json``."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [(number, os.dup(number)) for number in (1, 2)]
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in saved:
            os.dup2(nothing, number)
        yield
    finally:
        for number, copy in saved:
            os.dup2(copy, number)
            os.close(copy)
        os.close(nothing)
