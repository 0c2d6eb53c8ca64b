# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all: written beside their place, then moved in. And where files go."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mdeploy.errors import InputError

__all__ = ["cache_folder", "check_writable", "replace_file", "whole_file"]


@contextmanager
def whole_file(path: Path, *, private: bool = False, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Give a stream, also to read back: what is written to it is ``path`` when the block ends, or gone when it fails.

    ``private`` makes a file that only its owner reads, else the process's umask decides. Without ``overwrite`` a file
    that another process has put there meanwhile stays. Raises ``OSError``.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if not private:
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that only their owner reads
        if overwrite:
            temporary.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes | memoryview) -> None:
    """Write a whole file. Raises ``InputError`` where it cannot be written; the old one is then still there."""
    try:
        with whole_file(path) as stream:
            stream.write(content)
    except OSError as error:
        raise InputError(f"{path}: cannot write: {error.strerror or error}") from error


def cache_folder(name: str) -> Path:
    """A folder of ours in the user's cache, which may not be there yet."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "mdeploy" / name


def check_writable(folder: Path) -> None:
    """Find out before long work whether reports can be kept in ``folder``, which is made. Raises ``InputError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"cannot write reports into {folder}: {error.strerror or error}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
