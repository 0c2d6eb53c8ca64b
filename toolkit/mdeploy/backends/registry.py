# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The backends, by name. Modules are imported when their backend is asked for, so a missing runtime costs nothing."""

from __future__ import annotations

import importlib
from functools import cache

from mdeploy.backends.base import Backend
from mdeploy.backends.table import BACKENDS, CONVERTED, info_of
from mdeploy.errors import UnavailableError, UsageError

__all__ = ["BACKENDS", "get_backend"]


@cache
def get_backend(name: str) -> Backend:
    """Return a backend by name, whether it is installed or not."""
    if name in CONVERTED and name not in BACKENDS:
        info = info_of(name)
        raise UnavailableError(
            f"{info.title} runs on {info.only_on} only; `mdeploy convert --also {name}` makes its files"
        )
    if name not in BACKENDS:
        raise UsageError(f"no backend {name!r}; there are {', '.join(BACKENDS)}")
    if name in CONVERTED:
        from mdeploy.backends.optional.backend import OptionalBackend

        return OptionalBackend(name)
    backend = importlib.import_module(f"mdeploy.backends.{info_of(name).module}").BACKEND
    assert isinstance(backend, Backend)
    return backend
