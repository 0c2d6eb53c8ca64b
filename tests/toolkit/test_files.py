# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mdeploy.caffe2.files import read_net
from mdeploy.conversion.model import read_labels
from mdeploy.conversion.sources import SourceOptions, open_source
from mdeploy.conversion.sources.onnx_file import load_onnx
from mdeploy.errors import InputError
from mdeploy.files import read_regular, read_text, reading, replace_file, whole_file
from mdeploy.inspection import inspect
from mdeploy.native.images import read_rgba


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_new_file_has_the_modes_of_any_other(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        replace_file(tmp_path / "a", b"one")
        (tmp_path / "plain").write_bytes(b"")
        with whole_file(tmp_path / "key", private=True) as stream:
            stream.write(b"secret")
    finally:
        os.umask(before)
    assert (tmp_path / "a").read_bytes() == b"one"
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_failing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    replace_file(path, b"old")

    def fail() -> None:
        with whole_file(path) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_what_another_put_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with whole_file(path, overwrite=False) as stream:
        stream.write(b"ours")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1


def test_no_place_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        replace_file(tmp_path / "absent" / "a", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder: cannot write"):
        replace_file(tmp_path / "folder", b"")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


READERS: dict[str, Callable[[Path], object]] = {
    "read_regular": read_regular,
    "read_text": read_text,
    "net": read_net,
    "labels": read_labels,
    "onnx": lambda path: load_onnx(path, SourceOptions()),
    "convert": lambda path: open_source(path, SourceOptions()),
    "inspect": inspect,
    "image": read_rgba,
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_refused_without_waiting_for_its_other_end(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.onnx"
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"cannot read .*model\.onnx: it is not a regular file"):
        READERS[name](path)


@pytest.mark.parametrize("name", READERS)
def test_what_cannot_be_opened_names_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "no such"
    with pytest.raises(InputError, match=r"no such: |no such$|no such image"):
        READERS[name](path)
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(path))
        with pytest.raises(InputError, match="no such: "):
            READERS[name](path)


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("één\r\n".encode())
    assert read_text(path, 100) == "één\r\n"
    assert read_regular(path, 7) == path.read_bytes()
    with pytest.raises(InputError, match="file: 7 bytes, at most 6 are read"):
        read_regular(path, 6)
    with pytest.raises(InputError, match=f"cannot read {tmp_path}: Is a directory"):
        read_regular(tmp_path)
    with pytest.raises(InputError, match=r"cannot read .*file: No space left on device"), reading(path):
        raise OSError(28, "No space left on device")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"cannot read .*file: 'utf-8' codec"):
        read_text(path)
    before = _open_handles()
    for _ in range(3):
        with pytest.raises(InputError):
            read_regular(tmp_path)
    assert _open_handles() == before


def _open_handles() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0
