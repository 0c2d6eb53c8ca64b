# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Label files as people have them; the right names or a refusal, never names that are off by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdeploy.conversion.labels import check_labels, read_labels
from mdeploy.errors import InputError

NAMES = ("ant", "bee, honey", "cat")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.txt", b"ant\nbee, honey\ncat\n"),
        ("bom.txt", b"\xef\xbb\xbfant\nbee, honey\ncat"),
        ("windows.txt", b"ant\r\nbee, honey\r\ncat\r\n\r\n"),
        ("numbered.txt", b"0 ant\n1 bee, honey\n2 cat\n"),
        ("from-one.txt", b"1: ant\n2: bee, honey\n3: cat\n"),
        ("any-order.txt", b"2\tcat\n0\tant\n1\tbee, honey\n"),
        ("list.json", b'["ant", "bee, honey", "cat"]'),
        ("by-index.json", b'{"1": "bee, honey", "0": "ant", "2": "cat"}'),
        ("by-name.json", b'{"cat": 2, "ant": 0, "bee, honey": 1}'),
        ("keras.json", b'{"0": ["n1", "ant"], "1": ["n2", "bee, honey"], "2": ["n3", "cat"]}'),
        ("config.json", b'{"model_type": "resnet", "id2label": {"0": "ant", "1": "bee, honey", "2": "cat"}}'),
        ("rows.json", b'[{"id": 1, "name": "bee, honey"}, {"id": 0, "name": "ant"}, {"id": 2, "name": "cat"}]'),
        ("head.csv", b'index,name\n2,cat\n0,ant\n1,"bee, honey"\n'),
        ("no-head.csv", b'0,ant\n1,"bee, honey"\n2,cat\n'),
        ("semicolon.csv", b"class_id;class_name\n0;ant\n1;bee, honey\n2;cat\n"),
    ],
)
def test_every_form(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_labels(tmp_path / name) == NAMES


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("utf16.txt", "ant\nbee\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("latin.txt", b"ant\nb\xe9e\n", "is not UTF-8"),
        ("blank.txt", b"ant\n\ncat\n", "line 2 is blank"),
        ("empty.txt", b"\n\n", "no labels in it"),
        ("hole.json", b'{"0": "ant", "2": "cat"}', "class 1 has no name"),
        ("twice.csv", b"index,name\n0,ant\n0,bee\n", "two names for class 0"),
        ("damaged.json", b'{"0": ', "not JSON"),
        ("numbers.json", b"[1, 2]", "neither a list of names"),
        ("unnamed.csv", b"0,ant\n5,bee\n", "class 1 has no name"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_labels(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_names_that_begin_with_numbers_are_names(tmp_path: Path) -> None:
    (tmp_path / "signs.txt").write_text("20 km/h\n30 km/h\n50 km/h\n")
    assert read_labels(tmp_path / "signs.txt") == ("20 km/h", "30 km/h", "50 km/h")


def test_the_count() -> None:
    check_labels(NAMES, (1, 3), "l.txt")
    check_labels(NAMES, (1, 3, 1, 1), "l.txt")
    for labels, classes, message in (
        (("background", *NAMES), 3, "4 labels for an output of 3 classes; the first, 'background'"),
        (("x", *NAMES), 3, "often begin with a background class"),
        (NAMES, 4, "perhaps the model has the background as its first class"),
        (NAMES, 7, "they do not belong together"),
    ):
        with pytest.raises(InputError, match=message):
            check_labels(labels, (1, classes), "l.txt")
