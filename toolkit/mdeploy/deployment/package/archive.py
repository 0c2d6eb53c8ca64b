# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Zip files that are the same byte for byte from the same inputs, and whole or not there."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mdeploy.errors import InputError
from mdeploy.files import whole_file

__all__ = ["Entry", "write_zip"]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that the format has
_UNIX = 3
_DEFLATE_LEVEL = 6


@dataclass(frozen=True)
class Entry:
    """One file: its path inside the archive, and its bytes or where they are.

    ``stored`` leaves it uncompressed: weights hardly shrink and take long.
    """

    name: str
    content: bytes | Path
    executable: bool = False
    stored: bool = False


def write_zip(path: Path, entries: Sequence[Entry]) -> None:
    """Write ``entries``, sorted by name, with fixed dates and modes. Raises ``InputError``."""
    target = path.resolve()
    if target.is_dir():
        raise InputError(f"{path}: is a directory, not a place for a zip file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as file, zipfile.ZipFile(file, "w") as archive:
            for entry in sorted(entries, key=lambda entry: entry.name):
                _write(archive, entry)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _write(archive: zipfile.ZipFile, entry: Entry) -> None:
    info = zipfile.ZipInfo(entry.name, _EPOCH)
    info.create_system = _UNIX
    info.external_attr = (0o100755 if entry.executable else 0o100644) << 16
    info.compress_type = zipfile.ZIP_STORED if entry.stored else zipfile.ZIP_DEFLATED
    data = entry.content if isinstance(entry.content, bytes) else entry.content.read_bytes()
    archive.writestr(info, data, compresslevel=None if entry.stored else _DEFLATE_LEVEL)
