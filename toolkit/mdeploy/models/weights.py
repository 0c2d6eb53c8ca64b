# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Weights by name from any file that holds them: what ``torch.save`` wrote, or safetensors.

Files are untrusted and nothing in them runs: torch reads them with ``weights_only=True``, and classes that they name
beside the weights are stood in for (``inert.py``).
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mdeploy.errors import InputError, UsageError, first_line
from mdeploy.models.file_kinds import is_safetensors
from mdeploy.models.inert import Inert, harmless, inert_class, is_module, module_weights

__all__ = ["Weights", "find_weights", "load_plain"]

# Where several sets lie in one file, the raw weights come first: they are what --model alone has always taken.
_PREFERRED = ("", "state_dict", "model_state_dict", "model", "net", "weights", "params", "module")
_DEPTH = 2  # {"model": {"state_dict": ...}}
_MOST_CLASSES = 200
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


@dataclass(frozen=True)
class Weights:
    """Tensors by name, and where in the file they lay."""

    tensors: Mapping[str, torch.Tensor]
    key: str = ""
    """Keys that lead to them, joined by dots; empty where the file holds nothing else."""
    others: tuple[str, ...] = ()
    """Keys of other sets of weights in the same file."""
    module: str | None = None
    """Full name of the class where a whole module was pickled."""


def load_plain(path: Path) -> Any:
    """What ``torch.save`` or safetensors wrote, without running anything in it. Raises ``InputError``."""
    if is_safetensors(path):
        return _load_safetensors(path)
    names: list[str] = []
    while True:
        try:
            with torch.serialization.safe_globals([inert_class(name) for name in names]), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged file can make torch's reader raise anything
            names.append(_to_stand_in(path, error, names))


def find_weights(path: Path, data: Any, key: str | None = None) -> Weights:
    """The set of weights in what ``load_plain`` gave, or the one under ``key`` (``--weights-key``).

    Raises ``InputError`` where there is none, ``UsageError`` for a key that is not there.
    """
    found = dict(_candidates(data))
    if not found:
        held = f" ({', '.join(map(str, list(data)[:6]))})" if isinstance(data, Mapping) and data else ""
        kind = data.kind if isinstance(data, Inert) else type(data).__name__
        raise InputError(f"{path}: holds neither an mdeploy checkpoint nor a state_dict, but a {kind}{held}")
    ordered = sorted(found, key=lambda name: _PREFERRED.index(name) if name in _PREFERRED else len(_PREFERRED))
    if key is not None and key not in found:
        there = ", ".join(name for name in ordered if name) or "none: the file is one set of weights"
        raise UsageError(f"--weights-key {key}: {path} has no weights under it; there are {there}")
    taken = ordered[0] if key is None else key
    value = found[taken]
    module = value.kind if isinstance(value, Inert) else None
    tensors = module_weights(value) if isinstance(value, Inert) and is_module(value) else dict(value)
    versions = getattr(value, "_metadata", None)
    tensors = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, torch.Tensor)}
    return Weights(_with_versions(tensors, versions), taken, tuple(n for n in ordered if n != taken), module)


def _candidates(data: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every set of weights with the keys that lead to it."""
    if is_module(data) or _is_state_dict(data):
        yield prefix, data
    elif isinstance(data, Mapping) and depth < _DEPTH:
        for key, value in data.items():
            if isinstance(key, str):
                yield from _candidates(value, f"{prefix}.{key}" if prefix else key, depth + 1)


def _is_state_dict(value: Any) -> bool:
    """Names of parameters to tensors. Modules may keep other plain state of theirs (``_extra_state``) among them."""
    if not isinstance(value, Mapping) or not value or not all(isinstance(key, str) for key in value):
        return False
    odd = [key for key, item in value.items() if not isinstance(item, torch.Tensor)]
    return len(odd) < len(value) and all(key.endswith("_extra_state") for key in odd)


def _with_versions(tensors: dict[str, torch.Tensor], versions: Any) -> Mapping[str, torch.Tensor]:
    """Versions of modules, which some read when they load, lie where torch looks for them."""
    if not isinstance(versions, Mapping):
        return tensors
    from collections import OrderedDict

    kept = OrderedDict(tensors)
    kept._metadata = OrderedDict(versions)  # type: ignore[attr-defined]
    return kept


def _to_stand_in(path: Path, error: Exception, names: list[str]) -> str:
    """The class that torch's reader stopped at, where something may stand in for it."""
    named = _GLOBAL.search(str(error))
    if named is not None and harmless(named[1]) and named[1] not in names and len(names) < _MOST_CLASSES:
        return named[1]
    if named is not None:
        what = f"more than weights and names {named[1]}, which could run code when loaded"
    elif "Only persistent_load of storage" in str(error):
        what = "a whole module in torch's old format, which cannot be read without running its code"
    elif isinstance(error, pickle.UnpicklingError):
        lines = [line.strip() for line in str(error).partition("WeightsUnpickler error:")[2].splitlines()]
        what = next(filter(None, lines), "") or "more than tensors and plain values"
        what = f"more than weights, or is damaged ({what[:200]})"
    else:
        raise InputError(f"{path}: cannot read it: {first_line(error)}") from error
    raise InputError(
        f"{path}: refused: it holds {what}; save the weights alone: torch.save(model.state_dict(), FILE)"
    ) from error


def _load_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    try:
        found: dict[str, torch.Tensor] = load_file(path)
    except Exception as error:  # safetensors' errors come from Rust
        raise InputError(f"{path}: damaged safetensors file: {first_line(error)}") from error
    return found
