# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a file is that convert does not read, by its first bytes: archives, downloads that failed, images."""

from __future__ import annotations

import json
from pathlib import Path

from mdeploy.files import reading

__all__ = ["foreign_kind", "is_pickle", "is_safetensors", "is_zip"]

_PACKED = "unpack it and convert what is inside"
_ELSEWHERE = "export the model to ONNX with its own framework, and convert that"

# (offset, bytes there, what it is, what to do)
_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x1f\x8b", "a gzip archive", _PACKED),
    (0, b"BZh", "a bzip2 archive", _PACKED),
    (0, b"\xfd7zXZ\x00", "an xz archive", _PACKED),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", _PACKED),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _PACKED),
    (0, b"Rar!\x1a\x07", "a RAR archive", _PACKED),
    (257, b"ustar", "a tar archive", _PACKED),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras writes", _ELSEWHERE),
    (4, b"TFL3", "a TensorFlow Lite model", "convert the model that it was made from"),
    (0, b"GGUF", "a GGUF file of a language model", "mdeploy converts image networks"),
    (0, b"\x93NUMPY", "a NumPy array", "convert the file that holds the whole model"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch it with: git lfs pull"),
    (0, b"\x89PNG", "a PNG image", "give the model here, and images to mdeploy predict"),
    (0, b"\xff\xd8\xff", "a JPEG image", "give the model here, and images to mdeploy predict"),
    (0, b"7767517", "an ncnn model", "convert the model that it was made from"),
    (0, b"\x7fELF", "a program", "give the model file"),
    (0, b"%PDF", "a PDF document", "give the model file"),
)
_PAGES = (b"<!doctype", b"<html", b"<?xml")
_HEAD = 512


def is_zip(path: Path) -> bool:
    """Whether it starts as a zip archive does, which all of torch's newer formats are."""
    return _head(path).startswith(b"PK")


def is_pickle(path: Path) -> bool:
    """Whether it starts as a pickle does: what torch.save wrote before 2020, often called .pth.tar."""
    return _head(path).startswith(b"\x80")


def is_safetensors(path: Path) -> bool:
    """Whether it starts with the length of a JSON header, and with one."""
    head = _head(path)
    if len(head) < 10 or head[8:9] != b"{":
        return False
    return int.from_bytes(head[:8], "little") <= min(path.stat().st_size - 8, 100 << 20)


def foreign_kind(path: Path) -> str | None:
    """``"a gzip archive; unpack it and ..."`` for a file that convert does not read, else None."""
    head = _head(path)
    for offset, magic, kind, remedy in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return f"{kind}; {remedy}"
    start = head.lstrip().lower()
    if start.startswith(_PAGES):
        return "a web page, perhaps of a download that failed; download the file itself"
    if start.startswith((b"{", b"[")) and _is_json(path):
        return "a JSON file; give the weights, or the directory with its config.json and the weights"
    return None


def _head(path: Path) -> bytes:
    with reading(path) as stream:
        return stream.read(_HEAD)


def _is_json(path: Path) -> bool:
    try:
        with reading(path) as stream:
            json.loads(stream.read(16 << 20))
    except (ValueError, RecursionError):
        return False
    return True
