# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""MNN on its own form of model.onnx, in float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mdeploy.backends.optional.module import NetSpec, Run
from mdeploy.errors import InputError

__all__ = ["load", "make"]

_FILE = "model.mnn"


def make(model: Path, folder: Path, spec: NetSpec) -> None:  # noqa: ARG001
    """Write model.mnn by MNN's own converter; its Python command would also send statistics away."""
    import _tools

    target = folder / _FILE
    _tools.mnnconvert(
        ["mnnconvert", "-f", "ONNX", "--modelFile", str(model), "--MNNModel", str(target), "--bizCode", "mdeploy"]
    )
    if not target.is_file():
        raise InputError("its converter does not take this model")


def load(folder: Path, spec: NetSpec, threads: int) -> Run:
    """Make a CPU session in full precision."""
    import MNN
    import numpy as np

    types = {"float32": MNN.Halide_Type_Float, "int32": MNN.Halide_Type_Int, "uint8": MNN.Halide_Type_Uint8}
    for info in (*spec.inputs, *spec.outputs):
        if info.dtype not in types:
            raise InputError(f"no {info.dtype} tensors ({info.name})")
    interpreter = MNN.Interpreter(str(folder / _FILE))
    settings = {"backend": "CPU", "precision": "high"} | ({"numThread": threads} if threads else {})
    session = interpreter.createSession(settings)
    sources = [interpreter.getSessionInput(session, info.name) for info in spec.inputs]
    targets = [interpreter.getSessionOutput(session, info.name) for info in spec.outputs]
    layout = MNN.Tensor_DimensionType_Caffe

    def run(inputs: Sequence[Any]) -> Sequence[Any]:
        for info, source, array in zip(spec.inputs, sources, inputs, strict=True):
            source.copyFrom(MNN.Tensor(info.shape, types[info.dtype], np.ascontiguousarray(array), layout))
        interpreter.runSession(session)
        outputs = []
        for info, target in zip(spec.outputs, targets, strict=True):
            host = MNN.Tensor(info.shape, types[info.dtype], info.zeros(), layout)
            target.copyToHostTensor(host)
            outputs.append(np.array(host.getData(), info.dtype).reshape(info.shape))
        return outputs

    return run
