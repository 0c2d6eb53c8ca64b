# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The flags of convert, what it prints, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch
from onnx import helper
from torch import nn

from mdeploy.cli.main import run
from mdeploy.formats.artifact import Artifact


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TorchScript file in an otherwise empty current directory."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2), nn.Softmax(1)).eval()
    torch.jit.trace(module, torch.zeros(1, 3, 8, 8)).save(str(tmp_path / "net.pt"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "net.pt"


def test_a_table_and_the_artifact_where_it_is_expected(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", "net.pt", "--input-shape", "1,3,8,8"]) == 0
    captured = capsys.readouterr()
    assert "probabilities" in captured.out
    for said in ("input 1x3x8x8", "rgb (NCHW)", "--mean and --std"):
        assert said in captured.out
    for said in ("images must have 8x8 pixels", "--labels FILE names them", "  mdeploy predict IMAGE"):
        assert said in captured.out
    assert captured.err == ""
    manifest = Artifact.open("mdeploy-out").manifest
    assert manifest.outputs[0].meaning == "probabilities"


def test_json_and_every_flag(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (script.parent / "labels.txt").write_text("cat\ndog\n")
    arguments = [
        *("-o", "out", "--name", "my net", "--input-shape", "image=1,3,8,8"),
        *("--mean", "0.5,0.5,0.5", "--std", "0.2,0.2,0.2", "--color-order", "bgr", "--labels", "labels.txt"),
        *("--exporter", "torchscript", "--skip-pass", "global-pool", "--unpacked", "--json"),
    ]
    assert run(["convert", "net.pt", *arguments]) == 0
    data = json.loads(capsys.readouterr().out)
    manifest = Artifact.open(data["artifact"]).manifest
    assert manifest.to_json() == data["manifest"]
    assert (manifest.name, manifest.labels) == ("my_net", ("cat", "dog"))
    assert (manifest.inputs[0].name, manifest.inputs[0].color_order) == ("image", "bgr")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nothing.pt"], 3),
        (["net.pt"], 2),
        (["net.pt", "--input-shape", "1,x"], 2),
        (["net.pt", "--input-shape", "1,0,8,8"], 2),
        (["net.pt", "--input-shape", "1,3,8,8", "--input-shape", "1,3,8,8"], 2),
        (["net.pt", "--input-shape", "1,3,8,8", "--mean", "a"], 2),
        (["net.pt", "--input-shape", "1,3,8,8", "--std", "0,1,1"], 2),
        (["net.pt", "--input-shape", "1,3,8,8", "--skip-pass", "nonsense"], 2),
        (["net.pt", "--input-shape", "1,3,8,8", "--exporter", "other"], 2),
        (["net.pt", "--input-shape", "1,3,8,8", "--labels", "nothing.txt"], 3),
        (["net.pt", "--input-shape", "1,3,8,8", "--golden-images", "nowhere"], 3),
        (["net.pt", "--input-shape", "1,3,8,8", "-o", "/proc/out"], 3),
        (["net.pt", "--input-shape", "1,3,8,8", "-o", "full"], 3),
        (["net.pt", "--input-shape", "1,4,8,8"], 3),
        (["net.pt", "--input-shape", "1,3,8,8", "--model-arg", "novalue"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_exit_codes(script: Path, arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    (script.parent / "full").mkdir()
    (script.parent / "full" / "mine.txt").write_text("mine")
    before = sorted(item.name for item in script.parent.iterdir())
    assert run(["convert", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith("mdeploy: ")
    assert sorted(item.name for item in script.parent.iterdir()) == before


def test_a_batch_that_became_1_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    info = helper.make_tensor_value_info
    node = helper.make_node("Relu", ["x"], ["y"])
    graph = helper.make_graph([node], "g", [info("x", 1, ["N", 4])], [info("y", 1, ["N", 4])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "m.onnx")
    assert run(["convert", "m.onnx"]) == 0
    assert "input x: its batch was open and is now 1; --input-shape fixes another" in capsys.readouterr().err
    assert run(["convert", "m.onnx", "--input-shape", "2,4"]) == 0
    assert "batch" not in capsys.readouterr().err


def test_every_unsupported_node_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kinds = ("Tan", "Atan", "Tan")
    nodes = [helper.make_node(kind, [f"x{i}"], [f"x{i + 1}"], name=f"node_{i}") for i, kind in enumerate(kinds)]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [info("x0", 1, [1, 4])], [info("x3", 1, [1, 4])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "m.onnx")
    assert run(["convert", "m.onnx"]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("mdeploy: 3 nodes cannot be converted")
    assert all(f"│ node_{i} " in captured.err for i in range(3))
    assert run(["convert", "m.onnx", "--json"]) == 4
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [finding["node"] for finding in findings] == ["node_0", "node_1", "node_2"]
    assert [item.name for item in tmp_path.iterdir()] == ["m.onnx"]


def test_an_interrupt_leaves_nothing_behind(script: Path) -> None:
    # A stage that waits for the signal, in a process of its own: the handler of the real command is what counts.
    code = (
        "import os, signal, sys\n"
        "from mdeploy.conversion import model\n"
        "from mdeploy.cli import main\n"
        "model.open_source = lambda *_: os.kill(os.getpid(), signal.SIGTERM) or signal.pause()\n"
        "sys.argv = ['mdeploy', 'convert', 'net.pt', '--input-shape', '1,3,8,8']\n"
        "main.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "mdeploy: interrupted\n")
    assert [item.name for item in script.parent.iterdir()] == ["net.pt"]
