# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Finds out what a file is, by what is in it rather than by its name, and loads it."""

from __future__ import annotations

from pathlib import Path

from mdeploy.conversion.sources.base import LoadedSource, SourceOptions
from mdeploy.conversion.sources.sniff import kind_of
from mdeploy.errors import UsageError

__all__ = ["open_source"]


def open_source(path: Path, options: SourceOptions) -> LoadedSource:
    """Load a model to convert. Raises ``InputError`` for what is no model, or a damaged one."""
    # Imported here: torch takes seconds, and an ONNX file does without it.
    kind = kind_of(path)
    if kind == "onnx":
        from mdeploy.conversion.sources.onnx_file import load_onnx

        return load_onnx(path, options)
    if kind == "snapshot":
        from mdeploy.conversion.sources.snapshot import load_snapshot

        return load_snapshot(path, options)
    if kind == "pickled":
        return _open_pickled(path, options)
    from mdeploy.conversion.sources.torch_files import load_exported_program, load_torchscript

    return load_torchscript(path, options) if kind == "torchscript" else load_exported_program(path, options)


def _open_pickled(path: Path, options: SourceOptions) -> LoadedSource:
    from mdeploy.conversion.sources.checkpoint import load_checkpoint
    from mdeploy.conversion.sources.torch_files import load_state_dict
    from mdeploy.formats.checkpoint import FORMAT
    from mdeploy.models.weights import find_weights, load_plain

    data = load_plain(path)
    if isinstance(data, dict) and data.get("format") == FORMAT:
        if options.weights_key is not None:
            raise UsageError(f"{path} is a checkpoint with one set of weights; leave --weights-key out")
        return load_checkpoint(path, options)
    return load_state_dict(path, find_weights(path, data, options.weights_key), options)
