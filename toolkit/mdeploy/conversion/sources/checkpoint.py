# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The project's own checkpoint, which says all there is to say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mdeploy.conversion.sources.base import LoadedSource, SourceOptions
from mdeploy.errors import InputError, UsageError
from mdeploy.formats import checkpoint
from mdeploy.formats.artifact import Source, file_sha256

__all__ = ["load_checkpoint"]


def load_checkpoint(path: Path, options: SourceOptions) -> LoadedSource:
    """Read a checkpoint; the model comes from its registered name."""
    if options.model is not None:
        raise UsageError(f"{path} is a checkpoint that names its own model; leave --model and --model-arg out")
    loaded = checkpoint.load(path)
    spec = loaded.input
    shape = options.input_shapes.get("", options.input_shapes.get(spec.name, spec.shape))
    unknown = options.input_shapes.keys() - {"", spec.name}
    if unknown:
        raise InputError(f"{path}: --input-shape names {', '.join(sorted(unknown))}, but the input is {spec.name}")
    if len(shape) != len(spec.shape) or shape[1] != spec.shape[1]:
        raise InputError(f"{path}: --input-shape {list(shape)} does not fit the model's input {list(spec.shape)}")
    if shape[2:] != spec.shape[2:]:
        spec = replace(spec, shape=shape, crop=(shape[2], shape[3]))
    return LoadedSource(
        path=path,
        source=Source(
            "checkpoint", path.name, file_sha256(path), loaded.model, loaded.arguments, loaded.metrics or None
        ),
        inputs=(replace(spec, shape=shape),),
        module=checkpoint.build_model(loaded),
        meanings=(loaded.meaning,),
        labels=loaded.labels,
    )
