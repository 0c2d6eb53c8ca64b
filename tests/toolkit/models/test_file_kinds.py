# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are no model are called what they are."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mdeploy.conversion.sources import SourceOptions, open_source
from mdeploy.errors import InputError


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("weights.pth")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    return stream.getvalue()


def npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, a=np.zeros(3))
    return stream.getvalue()


def image(form: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, form)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: gzip.compress(b"x"), "a gzip archive; unpack it"),
        (lambda: bz2.compress(b"x"), "a bzip2 archive"),
        (lambda: lzma.compress(b"x"), "an xz archive"),
        (tar, "a tar archive"),
        (npy, "a NumPy array"),
        (npz, r"a zip archive that torch\.save did not write; it holds a\.npy"),
        (lambda: image("PNG"), "a PNG image"),
        (lambda: image("JPEG"), "a JPEG image"),
        (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (lambda: b"\n<!DOCTYPE html><html>not found</html>", "a web page, perhaps of a download that failed"),
        (lambda: b'{"architectures": ["ResNet"]}', "a JSON file; give the weights, or the directory"),
        (lambda: b"\x1c\0\0\0TFL3" + bytes(50), "a TensorFlow Lite model"),
        (lambda: b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file"),
    ],
)
def test_they_are_named(tmp_path: Path, make: Callable[[], bytes], name: str) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(make())
    for model in (None, "net.py:make"):
        with pytest.raises(InputError, match=name):
            open_source(path, SourceOptions(model, input_shapes={"": (1, 3, 4, 4)}))
