# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The demo, whole, as a user runs it; and again over what it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mdeploy.backends.registry import get_backend
from mdeploy.demo import Demo, bundled
from mdeploy.errors import UnavailableError


def test_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "mdeploy", "demo", "-o", "out"]
    environment = {**os.environ, "MDEPLOY_COVERAGE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    out = done.stdout
    for text in ("PyTorch score", "ship", "agree with PyTorch at tol 1e-05", "Latency in ms"):
        assert text in out
    if get_backend("caffe2").availability().available:
        assert "Caffe2 score" in out
        assert "4 of 4 backends agree" in out
    report = json.loads((tmp_path / "out" / "resnest_small_cifar10-bench-local.json").read_text())
    assert report["status"] == "ok"
    assert report["latency_ms"]["n"] >= 10
    checked = [entry["case"] for entry in report["parity"]]
    assert checked[:4] == ["zeros", "ones", "random", "demo_picture"]
    assert len(checked) > 5
    path = tmp_path / "out" / "resnest_small_cifar10-host.zip"
    assert str(path.relative_to(tmp_path)) in out
    assert "predict_net.pb" in zipfile.ZipFile(path).namelist()
    assert "mdeploy package out/resnest_small_cifar10 --target android" in out

    monkeypatch.setenv("MDEPLOY_COVERAGE", "1")
    again = Demo(tmp_path / "out").convert()  # over what is there
    assert again.artifact.path.is_dir()
    assert [entry.case for entry in again.artifact.manifest.golden] == checked


def test_a_missing_bundle_says_what_to_do() -> None:
    with pytest.raises(UnavailableError, match=r"none\.pt is not in this installation"):
        bundled("none.pt")
