# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The zip form that Android wants: aligned, deterministic, and with its central directory in reach for signing.

Python's zipfile cannot align entries and writes times, so this writes the few records itself (APPNOTE.TXT 4.3) and
uses zipfile only to read. Stored native libraries start at a multiple of 16 KiB so that they can be mapped on devices
with 16 KiB pages; every other stored entry starts at a multiple of 4 (resources.arsc must, from target SDK 30 on).
Padding goes into an extra field 0xD935, the identifier that Android's own tools use for it.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mdeploy.errors import InputError
from mdeploy.files import cannot_read

__all__ = ["LIBRARY_ALIGNMENT", "STORED_ALIGNMENT", "ApkWriter", "RawEntry", "alignment_of", "raw_entries"]

LIBRARY_ALIGNMENT = 16384
STORED_ALIGNMENT = 4

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_ALIGNMENT_EXTRA_ID = 0xD935
_ALIGNMENT_EXTRA = struct.Struct("<3H")  # id, size, alignment; then zeros
_DOS_DATE_1980_01_01 = 0x0021
_VERSION = 20
_UTF8 = 0x0800
_REGULAR_FILE = 0o100644 << 16
_COPY_BYTES = 1 << 20
_LOCAL_CRC_OFFSET = 14
# Android's package manager reads APKs with signed 32-bit offsets.
_MAX_BYTES = (1 << 31) - 1


@dataclass(frozen=True)
class RawEntry:
    """One zip entry with its bytes as they lie in the archive (compressed when `method` says so)."""

    name: str
    method: int
    crc: int
    size: int
    data: bytes


@dataclass(frozen=True)
class _Written:
    name: bytes
    method: int
    crc: int
    compressed: int
    size: int
    offset: int


def alignment_of(name: str) -> int:
    """Return what the data of the stored entry `name` must be aligned to, in bytes."""
    path = PurePosixPath(name)
    return LIBRARY_ALIGNMENT if path.parts[:1] == ("lib",) and path.suffix == ".so" else STORED_ALIGNMENT


def raw_entries(path: Path) -> Iterator[RawEntry]:
    """Yield the entries of the zip file `path` in their order, without recompressing. Directories are left out.

    Raises:
        InputError: it is not a zip file, or one that Android would not read.
    """
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
                    raise InputError(f"{path}: entry '{info.filename}' is encrypted or neither stored nor deflated")
                stream.seek(info.header_offset)
                header = _LOCAL.unpack(stream.read(_LOCAL.size))
                stream.seek(header[9] + header[10], 1)
                data = stream.read(info.compress_size)
                if header[0] != b"PK\x03\x04" or len(data) != info.compress_size:
                    raise InputError(f"{path}: entry '{info.filename}' is damaged")
                yield RawEntry(info.filename, info.compress_type, info.CRC, info.file_size, data)
    except (zipfile.BadZipFile, struct.error, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{path}: not a readable zip file ({error})") from error


class ApkWriter:
    """Writes entries to `stream`, which must be seekable and empty.

    `finish` closes it as a plain zip file; signing takes `central_directory` and `end` apart.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._written: list[_Written] = []
        self._names: set[str] = set()

    def add_stored(self, name: str, source: Path | bytes) -> None:
        """Add a file or bytes uncompressed, aligned, so that Android can map it from the APK.

        Raises:
            InputError: a name twice, an unreadable file, or an archive that would pass 2 GiB.
        """
        if isinstance(source, bytes):
            self.add_raw(RawEntry(name, zipfile.ZIP_STORED, zlib.crc32(source), len(source), source))
            return
        # The checksum stands before the data, so the header is written twice: once to make room.
        offset = self._stream.tell()
        try:
            with source.open("rb") as stream:
                expected = stream.seek(0, 2)
                stream.seek(0)
                self._begin(name, zipfile.ZIP_STORED, 0, expected, expected)
                crc, size = 0, 0
                while chunk := stream.read(_COPY_BYTES):
                    crc, size = zlib.crc32(chunk, crc), size + len(chunk)
                    self._stream.write(chunk)
        except OSError as error:
            raise cannot_read(source, error) from error
        if size != expected:
            raise InputError(f"{source} changed while it was being packaged")
        entry = self._written[-1]
        self._written[-1] = _Written(entry.name, entry.method, crc, size, size, entry.offset)
        end = self._stream.tell()
        self._stream.seek(offset + _LOCAL_CRC_OFFSET)
        self._stream.write(struct.pack("<I", crc))
        self._stream.seek(end)

    def add_raw(self, entry: RawEntry) -> None:
        """Add an entry as it is; aligned when it is stored."""
        self._begin(entry.name, entry.method, entry.crc, len(entry.data), entry.size)
        self._stream.write(entry.data)

    def finish(self) -> None:
        """Write the central directory and the end record: a plain zip file, unsigned."""
        offset = self._stream.tell()
        directory = self.central_directory()
        self._stream.write(directory + self.end(len(directory), offset))

    def central_directory(self) -> bytes:
        """Return the central directory of what was added."""
        records = []
        for entry in self._written:
            records.append(
                _CENTRAL.pack(
                    b"PK\x01\x02",
                    _VERSION | 3 << 8,  # made on Unix, so that the mode below counts
                    _VERSION,
                    _UTF8 if not entry.name.isascii() else 0,
                    entry.method,
                    0,
                    _DOS_DATE_1980_01_01,
                    entry.crc,
                    entry.compressed,
                    entry.size,
                    len(entry.name),
                    0,
                    0,
                    0,
                    0,
                    _REGULAR_FILE,
                    entry.offset,
                )
                + entry.name
            )
        return b"".join(records)

    def end(self, directory_bytes: int, directory_offset: int) -> bytes:
        """Return the end-of-central-directory record for a directory of that size at that offset."""
        count = len(self._written)
        return _END.pack(b"PK\x05\x06", 0, 0, count, count, directory_bytes, directory_offset, 0)

    def _begin(self, name: str, method: int, crc: int, compressed: int, size: int) -> None:
        if name in self._names:
            raise InputError(f"two files for '{name}' in the APK")
        self._names.add(name)
        if len(self._names) > 0xFFFF:
            raise InputError("more than 65535 files in the APK")
        offset, encoded = self._stream.tell(), name.encode()
        extra = b""
        if method == zipfile.ZIP_STORED:
            extra = _padding(offset + _LOCAL.size + len(encoded), alignment_of(name))
        if offset + _LOCAL.size + len(encoded) + len(extra) + compressed > _MAX_BYTES:
            raise InputError(f"'{name}' makes the APK larger than 2 GiB, which Android does not read")
        self._stream.write(
            _LOCAL.pack(
                b"PK\x03\x04",
                _VERSION,
                _UTF8 if not name.isascii() else 0,
                method,
                0,
                _DOS_DATE_1980_01_01,
                crc,
                compressed,
                size,
                len(encoded),
                len(extra),
            )
            + encoded
            + extra
        )
        self._written.append(_Written(encoded, method, crc, compressed, size, offset))


def _padding(position: int, alignment: int) -> bytes:
    """Return an extra field after which data that would have begun at `position` is aligned."""
    if position % alignment == 0:
        return b""
    zeros = -(position + _ALIGNMENT_EXTRA.size) % alignment
    return _ALIGNMENT_EXTRA.pack(_ALIGNMENT_EXTRA_ID, 2 + zeros, alignment) + bytes(zeros)
