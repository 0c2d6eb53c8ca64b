# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A directory with weights, and what else the Hugging Face hub puts beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mdeploy.conversion.sources.base import LoadedSource, SourceOptions
from mdeploy.conversion.sources.torch_files import load_state_dict
from mdeploy.errors import InputError, UsageError
from mdeploy.models.snapshot import CONFIG, Snapshot, open_snapshot
from mdeploy.models.weights import find_weights, load_plain

__all__ = ["load_snapshot"]


def load_snapshot(path: Path, options: SourceOptions) -> LoadedSource:
    """Load the weights into the model that ``--model`` or the configuration names.

    A configuration names models of timm's and transformers' registries only. Raises ``UsageError`` where neither names
    one, ``InputError`` for a damaged directory, ``UnavailableError`` where the library is not installed.
    """
    snapshot = open_snapshot(path)
    asked = _named(snapshot, options)
    weights = find_weights(snapshot.weights, load_plain(snapshot.weights), options.weights_key)
    loaded = load_state_dict(snapshot.weights, weights, asked, snapshot)
    if options.model is None:
        said = f"{path / CONFIG} names the model: {asked.model} was made"
        loaded = replace(loaded, messages=(said, *loaded.messages))
    return replace(loaded, path=path)


def _named(snapshot: Snapshot, options: SourceOptions) -> SourceOptions:
    """The options with the model that the configuration names, where the user names none."""
    timm = snapshot.timm_architecture
    if timm is not None and options.model in (None, f"timm:{timm}"):
        arguments = snapshot.timm_arguments | dict(options.arguments)
        return replace(options, model=f"timm:{timm}", arguments=arguments)
    if options.model is not None:
        return options
    if snapshot.transformers_class is not None:
        return replace(options, model=f"transformers:{snapshot.transformers_class}")
    if snapshot.config is None:
        raise UsageError(f"{snapshot.folder}: has no {CONFIG} that names a model; say what makes it: --model")
    raise InputError(
        f"{snapshot.folder / CONFIG}: names neither a model of timm (architecture) nor one of transformers "
        "(architectures); say what makes it: --model"
    )
