# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all: written beside their place, then moved in. Where files go, and how those
that come from elsewhere are read."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mdeploy.errors import InputError, first_line

__all__ = [
    "cache_folder",
    "cannot_read",
    "check_readable",
    "check_writable",
    "exchange",
    "read_regular",
    "read_text",
    "reading",
    "replace_file",
    "whole_file",
]


def cannot_read(path: Path | str, error: Exception) -> InputError:
    """The error for a file that the system does not give us: "cannot read PATH: reason"."""
    reason = error.strerror if isinstance(error, OSError) else None
    return InputError(f"cannot read {path}: {reason or first_line(error)}")


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Give a stream on a regular file. A pipe or a device, which may never end, is refused without waiting for it.

    Raises ``InputError`` naming the file, also for what goes wrong while the block reads; an ``OSError`` is its cause.
    """
    try:
        # Not to wait for a pipe's other end; a regular file does not care.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            mode = os.fstat(handle).st_mode
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not stat.S_ISREG(mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            with open(handle, "rb", closefd=False) as stream:
                yield stream
        finally:
            os.close(handle)
    except OSError as error:
        raise cannot_read(path, error) from error


def check_readable(path: Path) -> None:
    """Raise ``InputError`` where a library that opens ``path`` by itself would fail, or wait for ever on a pipe."""
    with reading(path):
        pass


def read_regular(path: Path, max_bytes: int | None = None) -> bytes:
    """Read a whole regular file. Raises ``InputError`` naming it, also for one that is longer than ``max_bytes``."""
    with reading(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if max_bytes is not None and size > max_bytes:
            raise InputError(f"{path}: {size} bytes, at most {max_bytes} are read")
        return stream.read() if max_bytes is None else stream.read(max_bytes)


def read_text(path: Path, max_bytes: int | None = None) -> str:
    """Read a whole regular file of UTF-8 text, its line ends as they are. Raises ``InputError`` naming it."""
    try:
        return read_regular(path, max_bytes).decode("utf-8")
    except UnicodeDecodeError as error:
        raise cannot_read(path, error) from error


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


_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def exchange(a: Path, b: Path) -> bool:
    """Let two paths that are there change places in one step: nobody ever finds either of them missing.

    Returns whether it was done: only Linux has it (renameat2), and not every file system. Raises ``OSError``.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), ctypes.c_uint(_RENAME_EXCHANGE)) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(a))


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
