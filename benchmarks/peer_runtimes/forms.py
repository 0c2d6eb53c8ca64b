# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Makes each peer's own file of a net: ``python -m peer_runtimes.forms NET DIR PEER``, in the peer's environment.

DIR holds ``checkpoint.pt``; what is made lies in ``DIR/forms/PEER``. A file that is there is not made again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peer_runtimes.nets import NETS, Net, load_model, sliced

__all__ = ["FILES", "make"]

FILES = {
    "onnxruntime": "model.onnx",
    "openvino": "model.xml",
    "ncnn": "model.param",
    "mnn": "model.mnn",
    "litert": "model.tflite",
    "executorch": "model.pte",
}
"""Below ``DIR/forms/PEER``, by the names that the peer's backend loads."""


def _example(net: Net) -> Any:
    import torch

    return torch.randn(1, 3, net.size, net.size, generator=torch.Generator().manual_seed(1))


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _sliced(net: Net, directory: Path) -> Any:
    return sliced(load_model(net, str(directory / "checkpoint.pt")))


def _onnx(net: Net, directory: Path, place: Path) -> None:
    import onnx
    import onnxsim
    import torch

    raw = place / "raw.onnx"
    names: dict[str, Any] = {"input_names": ["x"], "output_names": ["y"]}
    torch.onnx.export(_sliced(net, directory), (_example(net),), str(raw), dynamo=False, opset_version=17, **names)
    simplified, ok = onnxsim.simplify(onnx.load(str(raw)))
    if not ok:
        raise RuntimeError("onnxsim's own check failed")
    onnx.save(simplified, str(place / FILES["onnxruntime"]))
    raw.unlink()


def _openvino(net: Net, directory: Path, place: Path) -> None:
    import openvino

    converted = openvino.convert_model(str(make("onnxruntime", net, directory)))
    openvino.save_model(converted, str(place / FILES["openvino"]), compress_to_fp16=False)


def _ncnn(net: Net, directory: Path, place: Path) -> None:
    import torch

    traced = place / "traced.pt"
    torch.jit.trace(_sliced(net, directory), _example(net)).save(str(traced))
    options = [f"inputshape=[1,3,{net.size},{net.size}]", "fp16=0"]
    options += [f"ncnnparam={place / FILES['ncnn']}", f"ncnnbin={place / 'model.bin'}"]
    subprocess.run([_tool("pnnx"), str(traced), *options], cwd=place, check=True, capture_output=True)


def _mnn(net: Net, directory: Path, place: Path) -> None:
    files = ["--modelFile", str(make("onnxruntime", net, directory)), "--MNNModel", str(place / FILES["mnn"])]
    subprocess.run([_tool("mnnconvert"), "-f", "ONNX", *files, "--bizCode", "x"], check=True, capture_output=True)


def _litert(net: Net, directory: Path, place: Path) -> None:
    import litert_torch

    litert_torch.convert(_sliced(net, directory), (_example(net),)).export(str(place / FILES["litert"]))


def _executorch(net: Net, directory: Path, place: Path) -> None:
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = torch.export.export(_sliced(net, directory), (_example(net),))
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
    (place / FILES["executorch"]).write_bytes(lowered.buffer)


_MAKERS: dict[str, Callable[[Net, Path, Path], None]] = {
    "onnxruntime": _onnx,
    "openvino": _openvino,
    "ncnn": _ncnn,
    "mnn": _mnn,
    "litert": _litert,
    "executorch": _executorch,
}


def make(peer: str, net: Net, directory: Path) -> Path:
    """Make the peer's file unless it is there, and return it."""
    place = directory / "forms" / peer
    place.mkdir(parents=True, exist_ok=True)
    if not (place / FILES[peer]).exists():
        _MAKERS[peer](net, directory, place)
    return place / FILES[peer]


if __name__ == "__main__":
    make(sys.argv[3], NETS[sys.argv[1]], Path(sys.argv[2]))
