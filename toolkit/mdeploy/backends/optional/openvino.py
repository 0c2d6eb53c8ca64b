# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO on its own form of model.onnx, in float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mdeploy.backends.optional.module import NetSpec, Run, shaped

__all__ = ["load", "make"]

_FILE = "model.xml"


def make(model: Path, folder: Path, spec: NetSpec) -> None:  # noqa: ARG001
    """Write model.xml and model.bin."""
    import openvino

    openvino.save_model(openvino.convert_model(str(model)), str(folder / _FILE), compress_to_fp16=False)


def load(folder: Path, spec: NetSpec, threads: int) -> Run:
    """Compile for the CPU, for the shortest time of one image."""
    import openvino

    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    compiled = openvino.Core().compile_model(str(folder / _FILE), "CPU", settings)
    request = compiled.create_infer_request()

    def run(inputs: Sequence[Any]) -> Sequence[Any]:
        for index, array in enumerate(inputs):
            request.set_input_tensor(index, openvino.Tensor(array))
        request.infer()
        return shaped([request.get_output_tensor(i).data.copy() for i in range(len(spec.outputs))], spec)

    return run
