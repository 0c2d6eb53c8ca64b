# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A directory that is replaced whole: written beside its place and swapped in, whenever the process may be killed.

New directories lie at ``.NAME.partial-XXXXXXXX`` beside NAME, locked by their process; what is there and not locked is
what a killed run left. Where two renames are needed, the old directory is at ``.NAME.partial-XXXXXXXX.old`` meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from mdeploy.errors import InputError
from mdeploy.files import exchange

__all__ = ["clean", "make_beside", "recover", "swap"]

_PARTIAL = "partial-"
_OLD = ".old"

Check = Callable[[Path], None]


def make_beside(target: Path) -> tuple[Path, int]:
    """A new directory beside ``target``, and a handle that holds its lock until it is closed or the process ends.

    Raises ``OSError``.
    """
    while True:
        path = target.with_name(f".{target.name}.{_PARTIAL}{secrets.token_hex(4)}")
        path.mkdir()
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path, lock
        os.close(lock)  # another run took it for a leftover before it was locked


def swap(new: Path, target: Path, check: Check) -> None:
    """Put ``new`` in the place of ``target`` and remove what was there, after ``check`` has looked at it.

    Whatever ``check`` raises leaves everything as it was. Raises ``OSError``.
    """
    if not target.exists():
        new.rename(target)
        return
    if exchange(new, target):
        try:
            check(new)
        except BaseException:
            exchange(new, target)
            raise
        shutil.rmtree(new, ignore_errors=True)
        return
    old = new.with_name(f"{new.name}{_OLD}")
    target.rename(old)
    try:
        check(old)
        new.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def recover(target: Path) -> bool:
    """Put a directory back whose run was killed when the old one was moved away and the new one not yet in."""
    if target.exists():
        return False
    for path in _leftovers(target):
        if path.name.endswith(_OLD):
            with contextlib.suppress(OSError):  # where it cannot be put back it is as if it were not there
                path.rename(target)
                return True
    return False


def clean(target: Path, check: Check) -> None:
    """Remove what killed runs left beside ``target``, but for what ``check`` refuses by an ``InputError``."""
    for path in _leftovers(target):
        try:
            check(path)
        except InputError:
            continue
        shutil.rmtree(path, ignore_errors=True)


def _leftovers(target: Path) -> list[Path]:
    ours = re.compile(rf"{re.escape(f'.{target.name}.{_PARTIAL}')}[0-9a-f]{{8}}({re.escape(_OLD)})?")
    try:
        found = [path for path in target.parent.iterdir() if ours.fullmatch(path.name)]
    except OSError:
        return []
    return [path for path in found if path.is_dir() and not path.is_symlink() and not _is_locked(path)]


def _is_locked(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
