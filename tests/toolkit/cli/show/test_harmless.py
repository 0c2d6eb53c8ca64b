# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Labels and names come out of files: nothing in them steers a terminal, and no terminal is too poor for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mdeploy.caffe2.net import NetBuilder
from mdeploy.cli.main import run
from mdeploy.formats.artifact import Artifact

ESCAPES = "\x1b]0;owned\x07\x1b[31mred\u202eder\x9b2J"


@pytest.fixture
def hostile(calibrated: Artifact, tmp_path: Path) -> Path:
    """An artifact whose labels hold escapes, and one letter that ASCII does not have."""
    import shutil

    shutil.copytree(calibrated.path, tmp_path / "artifact")
    place = tmp_path / "artifact" / "manifest.json"
    data = json.loads(place.read_text())
    data["labels"] = [f"{ESCAPES}é{number}" for number in range(10)]
    place.write_text(json.dumps(data))
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "p.png")
    return tmp_path / "artifact"


def harmless(out: str) -> bool:
    return not any(mark in out for mark in ("\x1b", "\x07", "\u202e", "\x9b"))


def test_predict_shows_labels_without_their_escapes_and_with_their_index(
    hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(hostile.parent / "p.png")
    assert run(["predict", str(hostile), image, "--backends", "onnxruntime"]) == 0
    out = capsys.readouterr().out
    assert harmless(out)
    assert "redder" not in out
    for line in [line for line in out.splitlines() if "é" in line]:
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        assert cells[2].endswith(f"é{cells[1]}")
    assert run(["inspect", str(hostile)]) == 0
    assert harmless(capsys.readouterr().out)


def test_names_in_nets_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = NetBuilder("net")
    net.inputs, net.outputs = ["data"], ["out\x1b[2J"]
    weights = [net.weight(np.ones(shape, np.float32), "w") for shape in ((2, 3), (2,))]
    net.add("FC", ["data", *weights], ["out\x1b[2J"])
    pair = net.build()
    (tmp_path / "predict_net.pb").write_bytes(pair.predict_bytes)
    (tmp_path / "init_net.pb").write_bytes(pair.init_bytes)
    run(["inspect", str(tmp_path / "predict_net.pb")])
    said = capsys.readouterr()
    assert "out" in said.out
    assert harmless(said.out + said.err)
    assert run(["inspect", str(tmp_path / "no\x1b[2Jne")]) == 3
    assert harmless(capsys.readouterr().err)


def test_a_terminal_in_ascii_shows_what_it_can(hostile: Path) -> None:
    command = [sys.executable, "-m", "mdeploy", "predict", str(hostile), str(hostile.parent / "p.png")]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*command, "--backends", "onnxruntime"], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"?0" in done.stdout or b"?1" in done.stdout


@pytest.mark.parametrize("flag", ["--tol", "--rtol"])
@pytest.mark.parametrize("value", ["inf", "nan", "-inf", "1e999", "-1"])
def test_a_tolerance_is_a_finite_number(
    flag: str, value: str, tiny_artifact: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("parity", "bench"):
        if verb == "bench" and flag == "--rtol":
            continue
        assert run([verb, str(tiny_artifact.path), flag, value]) == 2
        assert flag in capsys.readouterr().err
