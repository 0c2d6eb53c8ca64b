# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Finds out what a file is, by what is in it rather than by its name, and loads it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from mdeploy.conversion.sources.base import LoadedSource, SourceOptions
from mdeploy.conversion.sources.sniff import kind_of
from mdeploy.errors import InputError, first_line

__all__ = ["open_source"]


def open_source(path: Path, options: SourceOptions) -> LoadedSource:
    """Load a model to convert. Raises ``InputError`` for what is no model, or a damaged one."""
    # Imported here: torch takes seconds, and an ONNX file does without it.
    kind = kind_of(path)
    if kind == "onnx":
        from mdeploy.conversion.sources.onnx_file import load_onnx

        return load_onnx(path, options)
    if kind == "pickled":
        return _open_pickled(path, options)
    from mdeploy.conversion.sources.torch_files import load_exported_program, load_torchscript

    return load_torchscript(path, options) if kind == "torchscript" else load_exported_program(path, options)


def _open_pickled(path: Path, options: SourceOptions) -> LoadedSource:
    from mdeploy.conversion.sources.checkpoint import load_checkpoint
    from mdeploy.conversion.sources.torch_files import load_state_dict
    from mdeploy.formats.checkpoint import FORMAT

    data = _load_plain(path)
    if isinstance(data, dict) and data.get("format") == FORMAT:
        return load_checkpoint(path, options)
    return load_state_dict(path, data, options)


def _load_plain(path: Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: refused: it holds more than tensors and plain values, which could run code when loaded "
            f"({first_line(error)}); save the state_dict instead"
        ) from error
    except Exception as error:  # a damaged file can make torch's reader raise anything
        raise InputError(f"{path}: cannot read it: {first_line(error)}") from error
