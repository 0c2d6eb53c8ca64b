# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes that cannot be held: torch's allocator is refused memory for real, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mdeploy.conversion.memory import enough_memory
from mdeploy.errors import InputError, UsageError

PROGRAM = """
import resource, sys
import onnxruntime, torch
import mdeploy.conversion.model
from mdeploy.cli.main import run
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1500 << 20),) * 2)
sys.exit(run(["convert", sys.argv[1], "--input-shape", sys.argv[2], "-o", "out"]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="not applicable: the limit is Linux's")
@pytest.mark.parametrize("shape", ["1,3,20000,20000", "1,3,4000000000,4000000000"], ids=["memory", "overflow"])
def test_a_shape_that_cannot_be_held(tmp_path: Path, bundled_checkpoint: Path, shape: str) -> None:
    command = [sys.executable, "-c", PROGRAM, bundled_checkpoint, shape]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in (2, 3), done.stderr
    (line,) = done.stderr.splitlines()
    assert "x".join(shape.split(",")) in line
    assert "give a smaller --input-shape" in line
    assert not list(tmp_path.iterdir())


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(ZeroDivisionError), enough_memory({}):
        raise ZeroDivisionError
    with pytest.raises(UsageError, match="of memory"), enough_memory({}):
        raise UsageError("out of memory is a name")
    with pytest.raises(InputError, match="do not fit into this machine's memory: MemoryError"), enough_memory({}):
        raise MemoryError
