# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Finds out what a file is, by what is in it rather than by its name, and loads it."""

from __future__ import annotations

from pathlib import Path

from mdeploy.errors import InputError
from mdeploy.sources.base import LoadedSource, SourceOptions
from mdeploy.sources.checkpoint import load_checkpoint

__all__ = ["open_source"]


def open_source(path: Path, options: SourceOptions) -> LoadedSource:
    """Load a model to convert. Raises ``InputError`` for what is no model, or a damaged one."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a directory; convert takes a model file")
    return load_checkpoint(path, options)
