# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mdeploy.errors import InputError
from mdeploy.files import replace_file, whole_file


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
