# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The zip form of an APK, read back by Python's zipfile and by Android's zipalign."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from mdeploy.deployment.package import apk_zip
from mdeploy.deployment.package.apk_zip import ApkWriter, alignment_of, raw_entries
from mdeploy.errors import InputError


def archive_of(entries: dict[str, bytes | Path], deflated: dict[str, bytes] | None = None) -> bytes:
    stream = io.BytesIO()
    writer = ApkWriter(stream)
    for name, content in entries.items():
        writer.add_stored(name, content)
    for name, content in (deflated or {}).items():
        source = io.BytesIO()
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
            compressed = archive.getinfo(name)
        start = compressed.header_offset + 30 + len(name.encode())
        data = source.getvalue()[start : start + compressed.compress_size]
        writer.add_raw(apk_zip.RawEntry(name, zipfile.ZIP_DEFLATED, compressed.CRC, len(content), data))
    writer.finish()
    return stream.getvalue()


def data_offset(archive: bytes, info: zipfile.ZipInfo) -> int:
    name, extra = struct.unpack_from("<2H", archive, info.header_offset + 26)
    return info.header_offset + 30 + name + extra


CONTENTS: dict[str, bytes | Path] = {
    "AndroidManifest.xml": b"x" * 777,
    "resources.arsc": b"r" * 1001,
    "lib/arm64-v8a/libone.so": os.urandom(5000),
    "lib/x86_64/libtwo.so": os.urandom(33),
    "assets/model/größe.txt": "Zahl €".encode(),
    "assets/empty": b"",
    **{f"assets/{n}": b"a" * n for n in range(1, 9)},
}


def test_contents_come_back() -> None:
    data = archive_of(CONTENTS, {"classes.dex": b"dex" * 1000})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in CONTENTS} == CONTENTS
        assert archive.read("classes.dex") == b"dex" * 1000
        assert archive.getinfo("classes.dex").compress_type == zipfile.ZIP_DEFLATED


def test_stored_entries_are_aligned() -> None:
    data = archive_of(CONTENTS)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            assert data_offset(data, info) % alignment_of(info.filename) == 0, info.filename
    assert alignment_of("lib/x86_64/libtwo.so") == 16384
    assert alignment_of("assets/lib/x.so") == 4


def test_zipalign_agrees(tmp_path: Path) -> None:
    zipalign = shutil.which("zipalign")
    if zipalign is None:
        pytest.skip("zipalign is not installed")
    path = tmp_path / "a.zip"
    path.write_bytes(archive_of(CONTENTS, {"classes.dex": b"dex" * 1000}))
    subprocess.run([zipalign, "-c", "-p", "-v", "4", path], check=True, capture_output=True)


def test_bytes_depend_on_contents_alone(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"w" * 100_000)
    first = archive_of({"assets/w": file})
    os.utime(file, (1, 1))
    file.chmod(0o600)
    assert archive_of({"assets/w": file}) == first == archive_of({"assets/w": b"w" * 100_000})


def test_refuses_duplicates_and_missing_files(tmp_path: Path) -> None:
    writer = ApkWriter(io.BytesIO())
    writer.add_stored("a", b"1")
    with pytest.raises(InputError, match="two files for 'a'"):
        writer.add_stored("a", b"2")
    with pytest.raises(InputError, match="cannot read"):
        writer.add_stored("b", tmp_path / "missing")


def test_refuses_more_than_android_reads(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as stream:
        stream.truncate(1 << 31)
    with pytest.raises(InputError, match="larger than 2 GiB"):
        ApkWriter(io.BytesIO()).add_stored("assets/huge", huge)


def test_raw_entries_keep_the_compressed_bytes(tmp_path: Path) -> None:
    path = tmp_path / "base.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/", b"")
        archive.writestr("stored", b"abc")
        archive.writestr("deflated", b"abc" * 100, zipfile.ZIP_DEFLATED)
    stored, deflated = raw_entries(path)
    assert (stored.name, stored.data) == ("stored", b"abc")
    assert deflated.size == 300
    assert len(deflated.data) < 300
    stream = io.BytesIO()
    writer = ApkWriter(stream)
    writer.add_raw(deflated)
    writer.finish()
    with zipfile.ZipFile(stream) as archive:
        assert archive.read("deflated") == b"abc" * 100


def test_raw_entries_refuse_what_is_no_zip(tmp_path: Path) -> None:
    path = tmp_path / "base.zip"
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match="not a readable zip"):
        list(raw_entries(path))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("x", b"1")
    with pytest.raises(InputError, match="'x' is encrypted or neither"):
        list(raw_entries(path))
