# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Packages that are not always there: the line that installs one that is missing.

What works on artifacts comes with ``pip install mdeploy``; converting, training, the page and the collector are extras.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mdeploy.errors import UnavailableError

__all__ = ["installed", "missing"]

_OURS = {"mdeploy", "mdeploy_training"}


@contextmanager
def installed() -> Iterator[None]:
    """Raise ``UnavailableError`` for a package that the block imports and that is not installed. Also a decorator."""
    try:
        yield
    except ModuleNotFoundError as error:
        found = missing(error)
        if found is None:
            raise
        raise found from error


def missing(error: ModuleNotFoundError) -> UnavailableError | None:
    """What to tell the user, None where the module is one of ours: then the installation is broken, or we are."""
    package = (error.name or "").partition(".")[0]
    if not package or package in _OURS:
        return None
    if package in sys.stdlib_module_names:
        return UnavailableError(f"this Python was built without {package}; use one that has it")
    return UnavailableError(f"{package} is not installed; get it with: pip install {_source(package)}")


def _source(package: str) -> str:
    """The extra that brings a package, by the metadata of this installation; the package itself where none does."""
    try:
        requirements = importlib.metadata.requires("mdeploy") or []
    except importlib.metadata.PackageNotFoundError:  # run from a source tree
        requirements = []
    for requirement in requirements:
        name, _, condition = requirement.partition(";")
        found = re.match(r"[\w.-]+", name)
        extra = re.search(r"extra == [\"']([\w-]+)[\"']", condition)
        if found and extra and extra[1] != "dev" and _same(found[0], package):
            return f"'mdeploy[{extra[1]}]'"
    return package


def _same(distribution: str, module: str) -> bool:
    return re.sub(r"[-_.]+", "-", distribution).lower() == module.replace("_", "-").lower()
