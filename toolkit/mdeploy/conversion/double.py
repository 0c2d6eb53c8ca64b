# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The graph in double precision: the judge of passes that move numbers by what float32 rounds, and by nothing else.

onnxruntime convolves in float32 only, so PyTorch computes, by the graph's own operators.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import torch

from mdeploy.backends.optional.torch_graph import GraphModule
from mdeploy.onnx.pipeline import KeptGraph
from mdeploy.tensors import Array, Doubles

__all__ = ["answers_in_double"]


def answers_in_double(graph: KeptGraph, samples: Sequence[Sequence[Array]]) -> list[list[Doubles]] | None:
    """The outputs for each sample, or None where torch has no form of the graph, or none in double precision."""
    model = onnx.ModelProto.FromString(graph.proto)
    for tensor in model.graph.initializer:
        if tensor.name in graph.weights:
            tensor.CopyFrom(onnx.numpy_helper.from_array(graph.weights[tensor.name], tensor.name))
    try:
        module = GraphModule(model).eval().double()
        return [_run(module, sample) for sample in samples]
    except Exception:  # refused nodes, and whatever torch raises where an operator insists on float32
        return None


def _run(module: GraphModule, sample: Sequence[Array]) -> list[Doubles]:
    inputs = [array.astype(np.float64) if array.dtype.kind == "f" else array.copy() for array in sample]
    with torch.inference_mode():
        answer = module(*map(torch.from_numpy, inputs))
    outputs = answer if isinstance(answer, tuple) else (answer,)
    return [output.numpy().astype(np.float64) for output in outputs]
