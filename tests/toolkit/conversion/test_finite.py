# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A model that answers NaN everywhere agrees with nobody, not even with itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.wire import delimited, fill_operator
from mdeploy.cli.main import run
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.errors import CheckFailed
from mdeploy.formats.artifact import Artifact, npy_bytes


def save(path: Path, poisoned: bool, outputs: tuple[str, ...] = ("rooted",)) -> Path:
    """A product, its root, and beside it the product itself: the root of what is never positive is NaN."""
    weight = np.full((4, 4), -1.0, np.float32)
    if poisoned:
        weight[1, 2] = np.nan
    nodes = [
        helper.make_node("Abs", ["x"], ["size"]),
        helper.make_node("Add", ["size", "one"], ["positive"]),
        helper.make_node("MatMul", ["positive", "weight"], ["product"]),
        helper.make_node("Sqrt", ["product"], ["rooted"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 4)) for name in outputs],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.ones(4, np.float32), "one")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("poisoned", "named"),
    [
        (True, "weight weight holds 1 values that are not finite"),
        (False, r"the first tensor that is not is .*\(Sqrt\)"),
    ],
)
def test_conversion_refuses_it_and_names_where_it_begins(poisoned: bool, named: str, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", poisoned)
    with pytest.raises(CheckFailed, match=f"every value of output 0 is NaN or infinite.*{named}"):
        convert(path, ConvertOptions(output=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_one_bad_output_beside_a_good_one_is_enough(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", False, ("product", "rooted"))
    with pytest.raises(CheckFailed, match="every value of output 1 is NaN"):
        convert(path, ConvertOptions(output=tmp_path / "out"))


def test_parity_and_the_harness_fail_where_nothing_finite_was_compared(
    tiny_copy: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An artifact of an older version, whose weights are NaN."""
    import hashlib
    import json

    monkeypatch.chdir(tmp_path)  # where bench writes its report
    init = NetDef.FromString(tiny_copy.init_net.read_bytes())
    pieces = [
        delimited(2, fill_operator("fw", np.full((5, 256), np.nan, np.float32), packed=True))
        if op.output[0] == "fw"
        else delimited(2, op.SerializeToString())
        for op in init.op
    ]
    changed = {"init_net.pb": b"".join(pieces)}
    for case in ("zeros", "ones", "random"):
        changed[f"golden/{case}/output_0.npy"] = npy_bytes(np.full((1, 5), np.nan, np.float32))
    manifest = json.loads(tiny_copy.manifest_path.read_text())
    for name, data in changed.items():
        (tiny_copy.path / name).write_bytes(data)
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    tiny_copy.manifest_path.write_text(json.dumps(manifest))
    path = str(tiny_copy.path)
    assert run(["parity", path, "--backends", "mdeploy"]) == 1
    assert "nothing was compared" in capsys.readouterr().out
    assert run(["bench", path, "--runs", "1"]) == 1
    assert "every value of output scores is NaN or infinite" in capsys.readouterr().err
