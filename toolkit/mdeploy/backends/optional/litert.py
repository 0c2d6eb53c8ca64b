# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""LiteRT (TensorFlow Lite) on what litert-torch makes of the graph, by XNNPACK in float32."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mdeploy.backends.optional.module import NetSpec, Run, shaped

__all__ = ["load", "make"]

_FILE = "model.tflite"


def make(model: Path, folder: Path, spec: NetSpec) -> None:
    """Write model.tflite; its signature takes inputs and gives outputs by position."""
    import litert_torch
    import torch

    from mdeploy.backends.optional.torch_graph import load_graph

    examples = tuple(torch.zeros(info.shape, dtype=getattr(torch, info.dtype)) for info in spec.inputs)
    litert_torch.convert(load_graph(model), examples).export(str(folder / _FILE))


def load(folder: Path, spec: NetSpec, threads: int) -> Run:
    """Allocate the interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(folder / _FILE), num_threads=threads or None)
    interpreter.allocate_tensors()
    signature = interpreter.get_signature_runner()
    sources = _by_position(signature.get_input_details())
    targets = _by_position(signature.get_output_details())

    def run(inputs: Sequence[Any]) -> Sequence[Any]:
        for index, array in zip(sources, inputs, strict=True):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return shaped([interpreter.get_tensor(index) for index in targets], spec)

    return run


def _by_position(details: dict[str, Any]) -> list[int]:
    """Tensor indices in the order of args_0, args_1 and output_0, output_1."""
    return [details[name]["index"] for name in sorted(details, key=lambda name: int(re.sub(r"\D", "", name) or 0))]
