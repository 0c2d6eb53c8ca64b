# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The steps of setting up an environment that a runtime lives in."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from mdeploy.errors import UnavailableError

__all__ = ["run_step"]


def run_step(command: Sequence[str], what: str) -> None:
    """Run one step, such as pip. Raises ``UnavailableError`` with the line that says what was wrong."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UnavailableError(f"{what} failed: {error}") from error
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        raise UnavailableError(f"{what} failed: {errors[-1] if errors else f'exit code {done.returncode}'}")
