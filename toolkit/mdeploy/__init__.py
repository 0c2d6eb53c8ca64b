# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""mdeploy: takes a trained PyTorch classifier to a phone and proves, in numbers, what happened to it on the way.

::

    import mdeploy

    mdeploy.convert("ckpt.pt")                       # writes mdeploy-out/
    report = mdeploy.parity("mdeploy-out", tol=1e-5)
    mdeploy.package("mdeploy-out", "android")
    mdeploy.bench("mdeploy-out").latency_ms.p50

Names are imported when they are first used, so that ``import mdeploy`` itself imports neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mdeploy.version import __version__

if TYPE_CHECKING:
    from mdeploy.api import bench, convert, evaluate, load, package, parity, predict
    from mdeploy.errors import (
        CheckFailed,
        InputError,
        MdeployError,
        UnavailableError,
        UnsupportedError,
        UsageError,
    )
    from mdeploy.formats.artifact import Artifact

__all__ = [
    "Artifact",
    "CheckFailed",
    "InputError",
    "MdeployError",
    "UnavailableError",
    "UnsupportedError",
    "UsageError",
    "__version__",
    "bench",
    "convert",
    "evaluate",
    "load",
    "package",
    "parity",
    "predict",
]

_API = ("bench", "convert", "evaluate", "load", "package", "parity", "predict")
_HOMES = {"Artifact": "mdeploy.formats.artifact", **dict.fromkeys(_API, "mdeploy.api")}  # all others are errors


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES.get(name, "mdeploy.errors")), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
