# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Makes each peer's own file of a net: ``python -m peer_runtimes.forms NET DIR PEER``, in the peer's environment.

DIR holds ``checkpoint.pt``; what is made lies beside it. A file that is there is not made again.
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
    "onnxruntime": "sliced.onnx",
    "openvino": "openvino.xml",
    "ncnn": "sliced.ncnn.param",
    "mnn": "sliced.mnn",
    "litert": "sliced.tflite",
    "executorch": "sliced.pte",
}


def _example(net: Net) -> Any:
    import torch

    return torch.randn(1, 3, net.size, net.size, generator=torch.Generator().manual_seed(1))


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _onnx(net: Net, directory: Path) -> None:
    import onnx
    import onnxsim
    import torch

    raw = directory / "sliced_raw.onnx"
    model = sliced(load_model(net, str(directory / "checkpoint.pt")))
    torch.onnx.export(model, (_example(net),), str(raw), dynamo=False, opset_version=17, input_names=["x"])
    simplified, ok = onnxsim.simplify(onnx.load(str(raw)))
    if not ok:
        raise RuntimeError("onnxsim's own check failed")
    onnx.save(simplified, str(directory / "sliced.onnx"))
    raw.unlink()


def _openvino(net: Net, directory: Path) -> None:
    import openvino

    make("onnxruntime", net, directory)
    converted = openvino.convert_model(str(directory / "sliced.onnx"))
    openvino.save_model(converted, str(directory / "openvino.xml"), compress_to_fp16=False)


def _ncnn(net: Net, directory: Path) -> None:
    import torch

    traced = directory / "sliced.pt"
    torch.jit.trace(sliced(load_model(net, str(directory / "checkpoint.pt"))), _example(net)).save(str(traced))
    shape = f"inputshape=[1,3,{net.size},{net.size}]"
    subprocess.run([_tool("pnnx"), str(traced), shape, "fp16=0"], cwd=directory, check=True, capture_output=True)


def _mnn(net: Net, directory: Path) -> None:
    make("onnxruntime", net, directory)
    files = ["--modelFile", str(directory / "sliced.onnx"), "--MNNModel", str(directory / "sliced.mnn")]
    subprocess.run([_tool("mnnconvert"), "-f", "ONNX", *files, "--bizCode", "x"], check=True, capture_output=True)


def _litert(net: Net, directory: Path) -> None:
    import litert_torch

    model = sliced(load_model(net, str(directory / "checkpoint.pt")))
    litert_torch.convert(model, (_example(net),)).export(str(directory / "sliced.tflite"))


def _executorch(net: Net, directory: Path) -> None:
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    model = sliced(load_model(net, str(directory / "checkpoint.pt")))
    program = torch.export.export(model, (_example(net),))
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
    (directory / "sliced.pte").write_bytes(lowered.buffer)


_MAKERS: dict[str, Callable[[Net, Path], None]] = {
    "onnxruntime": _onnx,
    "openvino": _openvino,
    "ncnn": _ncnn,
    "mnn": _mnn,
    "litert": _litert,
    "executorch": _executorch,
}


def make(peer: str, net: Net, directory: Path) -> None:
    """Make the peer's file unless it is there."""
    if not (directory / FILES[peer]).exists():
        _MAKERS[peer](net, directory)


if __name__ == "__main__":
    make(sys.argv[3], NETS[sys.argv[1]], Path(sys.argv[2]))
