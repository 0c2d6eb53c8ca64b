# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A calibrated artifact to compare, and copies of it with a fault put into one of its files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mdeploy import checkpoint
from mdeploy.artifact import Artifact
from mdeploy.caffe2.messages import NetDef
from mdeploy.conversion import ConvertOptions, convert
from mdeploy_training.calibration import calibrate
from mdeploy_training.checkpoints import make_checkpoint, new_model, picture_input
from mdeploy_training.data import Normalization

# Small, yet with everything the paper's nets have: radix 2, two stages, a strided block with a shortcut.
ARGUMENTS: dict[str, Any] = {"layers": [1, 1], "widths": [8, 16], "strides": [1, 2]}


@pytest.fixture(scope="session")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """An artifact whose outputs depend on its input, with its checkpoint beside it."""
    folder = tmp_path_factory.mktemp("parity")
    model = calibrate(new_model("resnest_small", ARGUMENTS), (1, 3, 32, 32), 0)
    spec = picture_input(32, 32, Normalization((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)))
    checkpoint.save(make_checkpoint("resnest_small", ARGUMENTS, model, spec, None, {"epochs": 0}), folder / "net.pt")
    return convert(folder / "net.pt", ConvertOptions(output=folder / "out")).artifact


@pytest.fixture
def with_fault(calibrated: Artifact, tmp_path: Path) -> Callable[[Callable[[Any], None]], Artifact]:
    """A function that copies the artifact, lets the caller change its predict_net, and keeps the manifest right."""

    def make(change: Callable[[Any], None]) -> Artifact:
        folder = tmp_path / "faulty"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(calibrated.path, folder)
        net = NetDef.FromString((folder / "predict_net.pb").read_bytes())
        change(net)
        data = net.SerializeToString()
        (folder / "predict_net.pb").write_bytes(data)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"]["predict_net.pb"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return Artifact.open(folder)

    return make
