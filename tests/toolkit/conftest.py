# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A calibrated artifact to work on, and copies of it with a fault put into one of its nets."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.net import NetBuilder
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.formats import checkpoint
from mdeploy.formats.artifact import Artifact, ArtifactWriter, GoldenEntry
from mdeploy.formats.checkpoint import Checkpoint
from mdeploy.formats.manifest import InputSpec, Manifest, OutputSpec, Resize, Source
from mdeploy_training.models import resnest_small
from mdeploy_training.models.calibration import calibrate

Floats = npt.NDArray[np.float32]

# Small, yet with everything the paper's nets have: radix 2, two stages, a strided block with a shortcut.
LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARGUMENTS: dict[str, Any] = {"layers": [1, 1], "widths": [8, 16], "strides": [1, 2]}


@pytest.fixture(scope="session")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """An artifact whose outputs depend on its input, with its checkpoint beside it."""
    folder = tmp_path_factory.mktemp("parity")
    model = calibrate(resnest_small(**ARGUMENTS), (1, 3, 32, 32), 0)
    half = (0.5, 0.5, 0.5)
    spec = InputSpec("input", (1, 3, 32, 32), "float32", "NCHW", "rgb", half, half, Resize("bilinear", size=(32, 32)))
    made = Checkpoint("resnest_small", ARGUMENTS, model.state_dict(), spec, "log_probabilities", LABELS)
    checkpoint.save(made, folder / "net.pt")
    return convert(folder / "net.pt", ConvertOptions(output=folder / "out")).artifact


Fault = Callable[[Any], None]


@pytest.fixture
def with_fault(calibrated: Artifact, tmp_path: Path) -> Callable[..., Artifact]:
    """A function that copies the artifact, lets the caller change a net, and keeps the manifest right."""

    def make(change: Fault, file: str = "predict_net.pb") -> Artifact:
        folder = tmp_path / "faulty"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(calibrated.path, folder)
        net = NetDef.FromString((folder / file).read_bytes())
        change(net)
        data = net.SerializeToString()
        (folder / file).write_bytes(data)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"][file] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return Artifact.open(folder)

    return make


def _tiny_reference(x: Floats, conv: Floats, conv_bias: Floats, fc: Floats, fc_bias: Floats) -> Floats:
    """Convolution 3x3 with padding, ReLU, FC, in double; then softmax."""
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    hidden = np.maximum(np.einsum("nchwij,ocij->nohw", windows, conv) + conv_bias[:, None, None], 0)
    scores = hidden.reshape(len(x), -1) @ fc.T.astype(np.float64) + fc_bias
    exponent = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = (exponent / exponent.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


@pytest.fixture(scope="session")
def tiny_artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Conv, Relu, FC, Softmax on [1, 3, 8, 8] to five classes, its golden outputs computed here by numpy: made in no
    time and without torch. Do not change it: take ``tiny_copy`` for that.
    """
    generator = np.random.default_rng(7)
    conv = generator.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32)
    fc = generator.normal(0, 0.2, (5, 256)).astype(np.float32)
    conv_bias, fc_bias = (generator.normal(0, 0.1, n).astype(np.float32) for n in (4, 5))
    net = NetBuilder("tiny")
    net.inputs, net.outputs = [net.blob("data")], [net.blob("scores")]
    weights = [net.weight(array, name) for array, name in ((conv, "w"), (conv_bias, "b"), (fc, "fw"), (fc_bias, "fb"))]
    hidden, logits = net.blob("hidden"), net.blob("logits")
    net.add("Conv", ["data", *weights[:2]], [hidden], kernel=3, pad=1)
    net.add("Relu", [hidden], [hidden])
    net.add("FC", [hidden, *weights[2:]], [logits])
    net.add("Softmax", [logits], ["scores"])
    pair = net.build()
    manifest = Manifest(
        name="tiny",
        source=Source("caffe2", "tiny.pb", "0" * 64),
        tools={"mdeploy": "0"},
        inputs=(InputSpec("data", (1, 3, 8, 8)),),
        outputs=(OutputSpec("scores", (1, 5), meaning="probabilities"),),
        labels=("a", "b", "c", "d", "e"),
        operators=pair.operators,
        parameters=net.parameters,
        macs=4 * 27 * 64 + 5 * 256,
    )
    shape = (1, 3, 8, 8)
    cases = {
        "zeros": np.zeros(shape, np.float32),
        "ones": np.ones(shape, np.float32),
        "random": generator.normal(size=shape).astype(np.float32),
    }
    with ArtifactWriter(tmp_path_factory.mktemp("tiny") / "out") as writer:
        writer.add_file("init_net.pb", pair.init_bytes)
        writer.add_file("predict_net.pb", pair.predict_bytes)
        for name, x in cases.items():
            writer.add_golden(GoldenEntry(name, name), [x], [_tiny_reference(x, conv, conv_bias, fc, fc_bias)])
        return writer.finish(manifest)


@pytest.fixture
def tiny_copy(tiny_artifact: Artifact, tmp_path: Path) -> Artifact:
    """A copy of the tiny artifact, to break."""
    shutil.copytree(tiny_artifact.path, tmp_path / "artifact")
    return Artifact.open(tmp_path / "artifact")


@pytest.fixture
def change_golden(tiny_copy: Artifact) -> Path:
    """The directory of an artifact whose golden output of ``random`` has one value changed."""
    path = tiny_copy.path / "golden" / "random" / "output_0.npy"
    values = np.load(path)
    values[0, 2] += 0.01
    np.save(path, values)
    return tiny_copy.path


@pytest.fixture(scope="session")
def flip_byte() -> Callable[[Path, int], None]:
    """A function that changes one byte of a file."""

    def flip(path: Path, offset: int) -> None:
        data = bytearray(path.read_bytes())
        data[offset] ^= 1
        path.write_bytes(data)

    return flip


@pytest.fixture
def document() -> dict[str, Any]:
    """A report of the harness with a value in every field, as plain JSON values, to change at will."""
    text = (Path(__file__).parent / "formats" / "report.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
