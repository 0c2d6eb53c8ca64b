# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Makes a net slower by a wanted share, its answers unchanged: work is added whose result is exactly zero."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from mdeploy.backends.base import NetRunning, PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.pair import NetPair
from mdeploy.formats.artifact import Artifact

__all__ = ["CHANNEL_STEP", "add_work", "place_of_work"]

CHANNEL_STEP = 16
"""The runtime keeps channels in blocks of so many."""


def place_of_work(artifact: Artifact) -> tuple[int, str, tuple[int, ...]]:
    """A blob of four dimensions in the second half of the net: (its operator's place, its name, its shape)."""
    init, predict = (path.read_bytes() for path in (artifact.init_net, artifact.predict_net))
    case = artifact.golden_cases()[0]
    inputs = dict(zip([spec.name for spec in artifact.manifest.inputs], case.inputs, strict=True))
    backend = get_backend("mdeploy")
    assert isinstance(backend, NetRunning)
    blobs = backend.net_runner(PrepareOptions()).run_nets(NetPair(init, predict), inputs)
    operators = NetDef.FromString(predict).op
    for index, operator in enumerate(operators):
        shape = blobs[operator.output[0]].shape
        if index > len(operators) // 2 and operator.type == "Relu" and len(shape) == 4 and shape[2] > 1:
            return index, operator.output[0], shape
    raise SystemExit(f"{artifact.path}: no place for more work")


def add_work(artifact: Artifact, hidden: int, folder: Path) -> Artifact:
    """Copy the artifact, with x + zeros(convolution(convolution(x))) in place of one blob x.

    Both convolutions are 1x1, over ``hidden`` channels in between: the work is in proportion to them.
    """
    index, blob, shape = place_of_work(artifact)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(artifact.path, folder)
    init, predict = (NetDef.FromString(path.read_bytes()) for path in (artifact.init_net, artifact.predict_net))
    channels = shape[1]
    random = np.random.default_rng(0).normal(0, 0.05, (hidden, channels, 1, 1)).astype(np.float32)
    weights = {"work_w1": random, "work_w2": np.zeros((channels, hidden, 1, 1), np.float32)}
    weights |= {"work_b1": np.zeros(hidden, np.float32), "work_b2": np.zeros(channels, np.float32)}
    for name, values in weights.items():
        fill = init.op.add(type="GivenTensorFill", output=[name])
        fill.arg.add(name="shape", ints=values.shape)
        fill.arg.add(name="values", floats=values.ravel())
        predict.external_input.append(name)
    for operator in predict.op[index + 1 :]:
        operator.input[:] = ["work_sum" if name == blob else name for name in operator.input]
    added = NetDef()
    for inputs, output in (([blob, "work_w1", "work_b1"], "work_1"), (["work_1", "work_w2", "work_b2"], "work_2")):
        added.op.add(type="Conv", input=inputs, output=[output]).arg.add(name="kernel", i=1)
    added.op.add(type="Sum", input=[blob, "work_2"], output=["work_sum"])
    operators = [*predict.op[: index + 1], *added.op, *predict.op[index + 1 :]]
    del predict.op[:]
    predict.op.extend(operators)
    _replace(folder, {"init_net.pb": init, "predict_net.pb": predict})
    return Artifact.open(folder)


def _replace(folder: Path, nets: dict[str, Any]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name, net in nets.items():
        data = net.SerializeToString()
        (folder / name).write_bytes(data)
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
