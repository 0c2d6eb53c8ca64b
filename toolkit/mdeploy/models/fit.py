# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Puts weights into a module, under the names that wrappers gave them too, or says by name what does not fit."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from mdeploy.errors import InputError, first_line

__all__ = ["Tensors", "fill", "listed"]

Tensors = Mapping[str, torch.Tensor]

# Put in front of names by DataParallel and AveragedModel, torch.compile, Lightning modules and the like.
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "encoder.", "timm_model.")
_NOT_WEIGHTS = ("n_averaged",)  # AveragedModel counts in a buffer
_DEPTH = 4
_SHOWN = 3


@dataclass(frozen=True)
class _Renaming:
    """What was done to names so that they fit."""

    tensors: Tensors
    stripped: str = ""
    left_out: tuple[str, ...] = ()


def fill(module: torch.nn.Module, tensors: Tensors, where: str, model: str) -> tuple[str, ...]:
    """Load ``tensors`` into ``module`` and return what the user should know of it.

    A prefix is stripped, and what stands beside it left out, only where the names then fit exactly. Raises
    ``InputError`` with the names that are missing, unexpected or of another shape, and what to try.
    """
    wanted = module.state_dict()
    renaming = _fitting(tensors, wanted) or _Renaming(tensors)
    try:
        module.load_state_dict(renaming.tensors)
    except Exception as error:  # modules may load in ways of their own
        problems = _problems(renaming.tensors, wanted)
        reason = problems or _own_words(error)
        raise InputError(f"{where}: does not fit the module of {model}: {reason}") from error
    messages = []
    if renaming.stripped:
        messages.append(f"{where}: the prefix {renaming.stripped} was stripped from the names of the weights")
    if renaming.left_out:
        names = listed(list(renaming.left_out))
        messages.append(f"{where}: left out, since the module has no such weights: {names}")
    return tuple(messages)


def _fitting(tensors: Tensors, wanted: Tensors) -> _Renaming | None:
    """The first renaming, from the plainest on, whose names are the module's."""
    names = _counted(wanted)
    versions: Mapping[str, Any] = getattr(tensors, "_metadata", {})
    start = {name: tensor for name, tensor in tensors.items() if name not in _NOT_WEIGHTS}
    for stripped, left_out, rename in _renamings(start):
        kept = {rename(name): tensor for name, tensor in start.items() if name not in left_out}
        if _counted(kept) == names:
            found = OrderedDict(kept)
            if versions:
                moved = {rename(key + ".").rstrip("."): value for key, value in versions.items()}
                found._metadata = OrderedDict(moved)  # type: ignore[attr-defined] # where torch keeps them
            return _Renaming(found, stripped, tuple(left_out))
    return None


def _renamings(tensors: Tensors) -> Iterator[tuple[str, list[str], Callable[[str], str]]]:
    """Prefix, the names that do not have it, and how a name changes: nothing first, then one prefix, then more."""
    level = [""]
    for _ in range(_DEPTH):
        for prefix in level:
            yield prefix, [name for name in tensors if not name.startswith(prefix)], _stripper(prefix)
        level = [
            prefix + more
            for prefix in level
            for more in _PREFIXES
            if any(name.startswith(prefix + more) for name in tensors)
        ]
    inner = [part for part in ("_orig_mod.", "module.") if any(f".{part}" in name for name in tensors)]
    for part in inner:  # a part of the model was wrapped, not the whole
        yield part, [], lambda name, part=part: name.replace(part, "")  # type: ignore[misc]


def _stripper(prefix: str) -> Callable[[str], str]:
    return lambda name: name.removeprefix(prefix)


def _counted(names: Tensors) -> set[str]:
    """Without the counters that BatchNorm has had since torch 0.4.1, which older files do not have."""
    return {name for name in names if not name.endswith("num_batches_tracked")}


def _problems(tensors: Tensors, wanted: Tensors) -> str:
    """Missing, unexpected and mismatched names, the nearest ones, and what to try. Empty where all fit."""
    given, needed = dict(tensors), dict(wanted)
    missing = [n for n in needed if n not in given and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in given if n not in needed and n not in _NOT_WEIGHTS]
    other = [n for n in needed if n in given and _shape(given[n]) != _shape(needed[n])]
    parts = []
    if other:
        shown = [f"{n} {_shape(given[n])} for {_shape(needed[n])}" for n in other]
        parts.append(f"{len(other)} of another shape ({listed(shown)})")
    if missing:
        shown = [f"{name}{_nearest(name, needed[name], unexpected, given)}" for name in missing]
        parts.append(f"{len(missing)} missing ({listed(shown)})")
    if unexpected:
        parts.append(f"{len(unexpected)} unexpected ({listed(unexpected)})")
    if not parts:
        return ""
    return "; ".join([*parts, *_advice(given, needed, missing, unexpected, other)])


def _advice(given: Tensors, needed: Tensors, missing: list[str], unexpected: list[str], other: list[str]) -> list[str]:
    heads = [n for n in other if n == [m for m in needed if m in other][-1] or n.endswith(".bias")]
    if other and not missing and not unexpected and len(other) <= 2 and heads:
        name = heads[-1]
        have, want = _shape(given[name]), _shape(needed[name])
        if have and want and have[0] != want[0] and have[1:] == want[1:]:
            return [f"the file's last layer has {have[0]} outputs, the module's {want[0]}: try --model-arg "
                    f"num_classes={have[0]}, or what the factory calls it"]  # fmt: skip
    first = next(iter(needed), "")
    if other == [first] and len(_shape(given[first])) == 4 and _shape(given[first])[1] != _shape(needed[first])[1]:
        return [f"the file's model takes {_shape(given[first])[1]} channels; make the module with as many"]
    if unexpected and not missing and not other:
        return ["the module lacks a part that was trained: give its arguments by --model-arg"]
    if missing and not unexpected and not other:
        return ["the file holds a part of the model only: make the module without the rest (--model-arg)"]
    if len(missing) > len(needed) / 2:
        return ["these are the weights of another model: name the one that was trained"]
    return ["give the arguments that the model was trained with by --model-arg"]


def _nearest(name: str, tensor: torch.Tensor, unexpected: list[str], given: Tensors) -> str:
    """A name in the file that may be meant, of the same shape."""
    same = [other for other in unexpected if _shape(given[other]) == _shape(tensor)]
    close = difflib.get_close_matches(name, same, 1, 0.5)
    return f", is it {close[0]}?" if close else ""


def listed(items: list[str]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _shape(tensor: Any) -> list[int]:
    return list(getattr(tensor, "shape", ()))


def _own_words(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()[1:3]]  # the first one is a heading
    return " ".join(lines)[:400] or first_line(error)
