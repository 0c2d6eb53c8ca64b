# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The arm64 harness as it is shipped, but with the names of its functions."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.deployment.package import cross, zig
from mdeploy.native.sources import digest
from mdeploy.progress import Tell, quiet
from native_build import CACHE

__all__ = ["harness_with_symbols"]


def harness_with_symbols(tell: Tell = quiet) -> Path:
    """Built once for each state of the sources; minutes where zig has not compiled them yet."""
    target, sources = cross.TARGETS["arm64-v8a"], cross.runtime_sources()
    if sources is None:
        raise click.ClickException("there are no runtime sources here: run this in a checkout")
    key = digest(sources, repr((zig.flags(target), zig.zig_version())).encode())
    built = CACHE / "arm64-with-symbols" / key[:16] / cross.HARNESS
    if not built.is_file():
        built.parent.mkdir(parents=True, exist_ok=True)
        tell("building the arm64 harness (minutes the first time)")
        zig.build({target: built}, sources, quiet, symbols=True)
    return built
