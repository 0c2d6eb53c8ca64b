# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Finds out what a file is, by what is in it rather than by its name, and loads it."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from mdeploy.conversion.sources.base import LoadedSource, SourceOptions
from mdeploy.conversion.sources.checkpoint import load_checkpoint
from mdeploy.conversion.sources.onnx_file import load_onnx
from mdeploy.conversion.sources.torch_files import load_exported_program, load_state_dict, load_torchscript
from mdeploy.errors import InputError, first_line
from mdeploy.files import reading
from mdeploy.formats.checkpoint import FORMAT

__all__ = ["open_source"]

_PICKLE = b"\x80"  # the first byte of what torch.save wrote before 2020


def open_source(path: Path, options: SourceOptions) -> LoadedSource:
    """Load a model to convert. Raises ``InputError`` for what is no model, or a damaged one."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a directory; convert takes a model file")
    with reading(path) as file:
        head = file.read(4)
    if not head:
        raise InputError(f"{path}: is empty")
    if head.startswith(b"PK"):
        return _open_archive(path, options)
    if head.startswith(_PICKLE):
        return _open_pickled(path, options)
    return load_onnx(path, options)


def _open_archive(path: Path, options: SourceOptions) -> LoadedSource:
    """All of torch's newer formats are zip archives, told apart by the names inside."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{path}: truncated or damaged archive: {error}") from error
    inner = [name.partition("/")[2] for name in names]
    if any(name.startswith("code/") for name in inner) or "constants.pkl" in inner:
        return load_torchscript(path, options)
    if any("serialized_exported_program" in name or name.startswith("models/") for name in [*names, *inner]):
        return load_exported_program(path, options)
    return _open_pickled(path, options)


def _open_pickled(path: Path, options: SourceOptions) -> LoadedSource:
    data = _load_plain(path)
    if isinstance(data, dict) and data.get("format") == FORMAT:
        return load_checkpoint(path, options)
    return load_state_dict(path, data, options)


def _load_plain(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: refused: it holds more than tensors and plain values, which could run code when loaded "
            f"({first_line(error)}); save the state_dict instead"
        ) from error
    except Exception as error:  # a damaged file can make torch's reader raise anything
        raise InputError(f"{path}: cannot read it: {first_line(error)}") from error
