# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The backends, by name. Each is a module with an object called ``BACKEND``, and one line here.

Modules are imported when their backend is asked for, so a missing runtime costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

from mdeploy.backends.base import Availability, Backend
from mdeploy.errors import UnavailableError, UsageError

__all__ = ["BACKENDS", "Selection", "explain_missing", "get_backend", "select_backends"]

_HERE = "mdeploy.backends"
_MODULES = {
    "torch": f"{_HERE}.torch",
    "onnxruntime": f"{_HERE}.onnxruntime",
    "mdeploy": f"{_HERE}.mdeploy",
    "caffe2": f"{_HERE}.caffe2.backend",
    "openvino": f"{_HERE}.optional.openvino",
    "ncnn": f"{_HERE}.optional.ncnn",
    "mnn": f"{_HERE}.optional.mnn",
    "litert": f"{_HERE}.optional.litert",
    "executorch": f"{_HERE}.optional.executorch",
}

BACKENDS: tuple[str, ...] = tuple(_MODULES)
"""Every backend: the reference first, the optional ones last."""


@dataclass(frozen=True)
class Selection:
    """What can run here, and what cannot with the reason."""

    present: tuple[Backend, ...]
    missing: tuple[tuple[str, Availability], ...]


def get_backend(name: str) -> Backend:
    """Return a backend by name, whether it is installed or not."""
    if name == "coreml":
        raise UnavailableError("Core ML runs on Apple's systems only; `mdeploy convert --also coreml` makes its files")
    if name not in BACKENDS:
        raise UsageError(f"no backend {name!r}; there are {', '.join(BACKENDS)}")
    backend = importlib.import_module(_MODULES[name]).BACKEND
    assert isinstance(backend, Backend)
    return backend


def select_backends(names: Sequence[str] | None = None) -> Selection:
    """Return the backends asked for, or every installed one.

    Raises ``UnavailableError`` when one asked for by name is missing.
    """
    present: list[Backend] = []
    missing: list[tuple[str, Availability]] = []
    for name in BACKENDS if names is None else names:
        backend = get_backend(name)
        availability = backend.availability()
        if availability.available:
            present.append(backend)
        elif names is None:
            missing.append((name, availability))
        else:
            raise UnavailableError(explain_missing(name, availability))
    return Selection(tuple(present), tuple(missing))


def explain_missing(name: str, availability: Availability) -> str:
    """One line: what is missing and how to get it."""
    return f"backend {name} is not available: {availability.explained}"
