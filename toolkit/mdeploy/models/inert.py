# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in for a class that a checkpoint names beside its weights: it holds what was stored, and does nothing.

Training scripts save their options (``argparse.Namespace``), NumPy scalars, or the whole module. torch's safe reader
refuses such files whole. None of these classes is imported here: an instance keeps the plain values, and a module's
own ``_parameters``, ``_buffers`` and ``_modules`` are enough to find its weights without its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Inert", "harmless", "inert_class", "is_module", "module_weights"]

# Whoever names these wants something done. They could not be done here either, but are no checkpoint's business.
_NEVER = frozenset(
    {
        *("builtins", "__builtin__", "os", "posix", "nt", "sys", "subprocess", "commands", "shutil", "signal", "site"),
        *("importlib", "imp", "pkgutil", "runpy", "code", "marshal", "pickle", "_pickle", "ctypes", "pdb", "bdb"),
        *("socket", "urllib", "requests", "http", "asyncio", "pty", "webbrowser", "multiprocessing", "tempfile"),
    }
)


class Inert(dict):  # type: ignore[type-arg] # what is stored in it is not known
    """An instance of a class that was not imported. It is a dict because some of those classes are."""

    kind = ""
    """Full name of the class it stands for."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Inert:
        """Take any arguments, and forget them."""
        return super().__new__(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        super().__init__()
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        """Keep the attributes that were stored."""
        self.state = dict(state) if isinstance(state, Mapping) else {}


def harmless(name: str) -> bool:
    """Whether a class of this full name may be stood in for."""
    return "." in name and name.split(".")[0] not in _NEVER


def inert_class(name: str) -> type[Inert]:
    """A class of that full name which does nothing."""
    module, _, attribute = name.rpartition(".")
    return type(attribute, (Inert,), {"kind": name, "__module__": module, "__qualname__": attribute})


def is_module(value: Any) -> bool:
    """Whether it stands for a pickled ``torch.nn.Module``."""
    return isinstance(value, Inert) and all(
        isinstance(value.__dict__.get("state", {}).get(key), Mapping) for key in ("_parameters", "_buffers", "_modules")
    )


def module_weights(module: Inert, prefix: str = "") -> dict[str, Any]:
    """The weights of a pickled module by the names that its ``state_dict`` would give."""
    state = module.state
    hidden = state.get("_non_persistent_buffers_set") or ()
    found = {f"{prefix}{name}": value for name, value in state["_parameters"].items() if value is not None}
    for name, value in state["_buffers"].items():
        if value is not None and name not in hidden:
            found[f"{prefix}{name}"] = value
    for name, child in state["_modules"].items():
        if is_module(child):
            found.update(module_weights(child, f"{prefix}{name}."))
    return found
