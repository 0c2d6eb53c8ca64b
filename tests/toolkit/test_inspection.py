# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Counts of an artifact, an ONNX file and an old net, against figures worked out by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper, numpy_helper

from mdeploy.backends.registry import get_backend
from mdeploy.caffe2.messages import NetDef
from mdeploy.cli.main import run
from mdeploy.errors import InputError, UsageError
from mdeploy.formats.artifact import Artifact
from mdeploy.inspection import inspect

# A net as they were written in 2017: singular arguments, legacy_pad, engine hints, in-place blobs, ConstantFill,
# Dropout and StopGradient; weights and data in one list, data first.
OLD_INIT = """
name: "old"
op { type: "ConstantFill" output: "w" arg { name: "shape" ints: 4 ints: 3 ints: 3 ints: 3 } }
op { type: "ConstantFill" output: "b" arg { name: "shape" ints: 4 } arg { name: "value" f: 0.5 } }
op { type: "GivenTensorFill" output: "fw" arg { name: "shape" ints: 2 ints: 64 }
     arg { name: "values" VALUES } }
op { type: "ConstantFill" output: "fb" arg { name: "shape" ints: 2 } }
""".replace("VALUES", " ".join(f"floats: {number / 100}" for number in range(128)))
OLD_PREDICT = """
name: "old_predict"
op { type: "Conv" name: "conv1" input: "data" input: "w" input: "b" output: "h" engine: "NNPACK"
     arg { name: "kernel" i: 3 } arg { name: "pad" i: 1 } arg { name: "stride" i: 1 } arg { name: "order" s: "NCHW" } }
op { type: "Relu" input: "h" output: "h" }
op { type: "StopGradient" input: "h" output: "h" }
op { type: "MaxPool" input: "h" output: "p" arg { name: "kernel" i: 3 } arg { name: "stride" i: 2 }
     arg { name: "legacy_pad" i: 3 } }
op { type: "Dropout" input: "p" output: "p" arg { name: "is_test" i: 1 } arg { name: "ratio" f: 0.5 } }
op { type: "FC" input: "p" input: "fw" input: "fb" output: "y" }
external_input: "data" external_input: "w" external_input: "b" external_input: "fw" external_input: "fb"
external_output: "y"
"""


def old_nets(place: Path, text: bool) -> Path:
    for name, source in (("init_net", OLD_INIT), ("predict_net", OLD_PREDICT)):
        if text:
            (place / f"{name}.pbtxt").write_text(source)
        else:
            (place / f"{name}.pb").write_bytes(text_format.Parse(source, NetDef()).SerializeToString())
    return place / ("predict_net.pbtxt" if text else "predict_net.pb")


def by_type(found: Any) -> dict[str, Any]:
    return {total.type: total for total in found.totals()}


@pytest.mark.parametrize("text", [False, True])
def test_old_nets(tmp_path: Path, text: bool) -> None:
    if not get_backend("mdeploy").availability().available:
        pytest.skip("the native runtime, which finds the shapes, is not built")
    found = inspect(old_nets(tmp_path, text), input_shapes={"": (1, 3, 8, 8)})
    totals = by_type(found)
    assert found.problems == ()
    assert found.inputs == {"data": (1, 3, 8, 8)}
    assert found.outputs == {"y": (1, 2)}
    assert (totals["Conv"].parameters, totals["Conv"].macs) == (4 * 27 + 4, 64 * 4 * 27)
    assert (totals["FC"].parameters, totals["FC"].macs) == (130, 128)
    assert totals["MaxPool"].activation_bytes == 4 * 4 * 16  # legacy_pad 3 rounds up: 4 x 4
    assert [operator.type for operator in found.operators][-1] == "FC"


def test_old_nets_without_a_shape_or_an_init_net(tmp_path: Path) -> None:
    path = old_nets(tmp_path, text=True)
    found = inspect(path)
    assert any("--input-shape data=" in note for note in found.notes)
    assert by_type(found)["FC"].parameters == 130
    (tmp_path / "init_net.pbtxt").rename(tmp_path / "elsewhere.pbtxt")
    assert any("--init" in note for note in inspect(path).notes)
    assert by_type(inspect(path, tmp_path / "elsewhere.pbtxt"))["FC"].parameters == 130


def test_what_caffe2_would_stop_at_is_said(tmp_path: Path) -> None:
    path = old_nets(tmp_path, text=True)
    path.write_text(OLD_PREDICT.replace('name: "is_test" i: 1', 'name: "is_test" f: 1.0'))
    assert any("it is read from i" in problem for problem in inspect(path).problems)


def test_an_artifact(tiny_artifact: Artifact) -> None:
    found = inspect(tiny_artifact.path)
    totals = by_type(found)
    assert (found.kind, found.name) == ("artifact", "tiny")
    assert sum(total.parameters for total in totals.values()) == tiny_artifact.manifest.parameters
    assert totals["Conv"].weight_bytes > 4 * totals["Conv"].parameters
    assert totals["Conv"].weight_bytes < 4 * totals["Conv"].parameters + 200  # packed: 4 bytes each and a little
    if get_backend("mdeploy").availability().available:
        assert sum(total.macs for total in totals.values()) == tiny_artifact.manifest.macs


def test_an_onnx_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weight = numpy_helper.from_array(np.ones((6, 2, 3, 3), np.float32), "w")
    matrix = numpy_helper.from_array(np.ones((6, 5), np.float32), "m")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"], group=2, strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["h"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        initializer=[weight, matrix],
    )  # fmt: skip
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    totals = by_type(inspect(path))
    assert (totals["Conv"].macs, totals["Conv"].parameters) == (6 * 16 * 18, 108)
    assert (totals["MatMul"].macs, totals["MatMul"].parameters) == (30, 30)
    assert by_type(inspect(path, input_shapes={"x": (2, 4, 8, 8)}))["Conv"].macs == 2 * 6 * 16 * 18
    assert run(["inspect", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outputs"] == {"y": [1, 5]}
    assert run(["inspect", str(path), "--all"]) == 0
    assert "GlobalAveragePool" in capsys.readouterr().out


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        inspect(tmp_path / "nothing")
    with pytest.raises(InputError, match="neither an artifact"):
        inspect(tmp_path)
    for number, data in enumerate((b"", b"garbage", np.random.default_rng(0).bytes(500), b"\x0a\xff\xff\xff\x7f")):
        path = tmp_path / f"net{number}.pb"
        path.write_bytes(data)
        with pytest.raises(InputError, match="Caffe2 net"):
            inspect(path)
    path = old_nets(tmp_path, text=True)
    more = 'op { type: "Copy" input: "more" output: "copy" }'
    path.write_text(
        OLD_PREDICT.replace('external_input: "data"', f'external_input: "data" external_input: "more" {more}')
    )
    with pytest.raises(UsageError, match="2 data inputs"):
        inspect(path, input_shapes={"": (1, 3, 8, 8)})


def test_an_artifact_is_inspected_without_torch_or_onnx(tiny_artifact: Artifact) -> None:
    code = (
        "import sys\nfrom mdeploy.cli.main import run\n"
        f"assert run(['inspect', {str(tiny_artifact.path)!r}]) == 0\n"
        "assert not {'torch', 'onnx', 'onnx_ir', 'onnxruntime'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
