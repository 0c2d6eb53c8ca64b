# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A net pair in its three forms: messages, bytes, files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.pair import NetPair
from mdeploy.errors import InputError


def net(name: str) -> NetDef:
    made = NetDef(name=name)
    made.op.add(type="Relu", input=["x"], output=["y"])
    made.op.add(type="Relu", input=["y"], output=["y"])
    return made


def test_each_form_gives_the_others(tmp_path: Path) -> None:
    nets = net("i"), net("p")
    data = tuple(message.SerializeToString(deterministic=True) for message in nets)
    files = tmp_path / "init_net.pb", tmp_path / "predict_net.pb"
    for path, content in zip(files, data, strict=True):
        path.write_bytes(content)
    for given in (nets, data, files):
        pair = NetPair(*given)
        assert (pair.init, pair.predict) == nets
        assert (pair.init_bytes, pair.predict_bytes) == data
        assert pair.files == (files if given is files else None)
        assert pair.operators == {"Relu": 2}


def test_bytes_are_handed_on_as_they_came() -> None:
    """Caffe2 reads text too, and packed weights must not be written anew."""
    pair = NetPair(b'name: "init"', b"\x13junk")
    assert (pair.init_bytes, pair.predict_bytes) == (b'name: "init"', b"\x13junk")


def test_a_file_that_is_no_net_is_named(tmp_path: Path) -> None:
    (tmp_path / "predict_net.pb").write_bytes(b"\x13junk")
    pair = NetPair(tmp_path / "none.pb", tmp_path / "predict_net.pb")
    with pytest.raises(InputError, match=r"cannot read .*none\.pb: No such file"):
        _ = pair.init_bytes
    with pytest.raises(InputError, match=r"predict_net\.pb: neither a binary nor a text"):
        _ = pair.predict
