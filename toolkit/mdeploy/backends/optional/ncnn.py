# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ncnn on what pnnx makes of the graph, in float32."""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mdeploy.backends.optional.module import NetSpec, Run
from mdeploy.errors import InputError, UnsupportedError

__all__ = ["load", "make"]

_PARAM, _BIN = "model.param", "model.bin"
_HALF = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage", "use_bf16_packed")


def make(model: Path, folder: Path, spec: NetSpec) -> None:
    """Write model.param and model.bin by pnnx, from TorchScript: of ONNX it reads fewer operators."""
    import torch

    from mdeploy.backends.optional.torch_graph import load_graph

    found = importlib.util.find_spec("pnnx")
    assert found is not None and found.submodule_search_locations  # noqa: PT018
    program = Path(found.submodule_search_locations[0]) / "pnnx"
    examples = tuple(torch.zeros(info.shape, dtype=getattr(torch, info.dtype)) for info in spec.inputs)
    with tempfile.TemporaryDirectory() as place:  # pnnx writes seven files, of which two are wanted
        traced = Path(place) / "model.pt"
        with torch.inference_mode():
            torch.jit.trace(load_graph(model), examples, check_trace=False).save(str(traced))  # type: ignore[no-untyped-call]
        shapes = ",".join(str(list(info.shape)).replace(" ", "") for info in spec.inputs)
        command = [str(program), str(traced), f"inputshape={shapes}", "fp16=0"]
        command += [f"ncnnparam={folder / _PARAM}", f"ncnnbin={folder / _BIN}"]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("ignore ", "unsupported "))]
    if said:  # pnnx goes on, and what it writes computes something else
        raise UnsupportedError(f"pnnx: {said[0]}")
    if done.returncode or not (folder / _PARAM).is_file():
        raise InputError(f"pnnx failed (exit code {done.returncode})")


def load(folder: Path, spec: NetSpec, threads: int) -> Run:
    """Load without half precision and without a GPU."""
    import ncnn
    import numpy as np

    for info in (*spec.inputs, *spec.outputs):
        if info.dtype != "float32" or info.shape[:1] != (1,):
            raise InputError(f"only float32 tensors with a batch of 1, not {info.name} {list(info.shape)}")
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    if threads:
        net.opt.num_threads = threads
    for name in _HALF:
        if hasattr(net.opt, name):
            setattr(net.opt, name, False)
    if net.load_param(str(folder / _PARAM)) or net.load_model(str(folder / _BIN)):
        raise InputError("does not load its own files")

    def run(inputs: Sequence[Any]) -> Sequence[Any]:
        with net.create_extractor() as extractor:
            held = [ncnn.Mat(np.ascontiguousarray(array[0])) for array in inputs]  # ncnn has no batch
            for index, image in enumerate(held):
                extractor.input(f"in{index}", image.clone())
            outputs = []
            for index, info in enumerate(spec.outputs):
                status, value = extractor.extract(f"out{index}")
                if status:
                    raise InputError(f"extracting output {info.name} failed ({status})")
                outputs.append(np.array(value).reshape(info.shape))
            return outputs

    return run
