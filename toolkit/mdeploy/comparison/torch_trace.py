# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every intermediate tensor of a torch module, under the names that the ONNX exporter gives them.

torch's dynamo exporter writes one ONNX value for each node of its graph (torch.fx) and calls it as the node. That graph
is run here node by node, by torch itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from mdeploy.caffe2.net import safe_name
from mdeploy.errors import UnsupportedError, first_line
from mdeploy.onnx.export import quiet_torch
from mdeploy.tensors import Array

__all__ = ["trace_module"]


class _Recorder(torch.fx.Interpreter):
    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module)
        self.values: dict[str, Array] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, torch.Tensor):
            # A copy: operators that work in place change it later.
            self.values[safe_name(n.name)] = value.detach().cpu().numpy().copy()
        return value


def trace_module(
    module: torch.nn.Module, cases: Sequence[Sequence[Array]]
) -> list[tuple[dict[str, Array], list[Array]]]:
    """For each case the values by name, and the outputs. Raises ``UnsupportedError`` where torch cannot export."""
    first = tuple(torch.from_numpy(array.copy()) for array in cases[0])
    try:
        with quiet_torch(), torch.no_grad():
            exported = torch.onnx.export(module, first, dynamo=True, verbose=False, external_data=False)
            assert exported is not None
            assert exported.exported_program is not None
            graph = exported.exported_program.module()
    except Exception as error:  # the exporter raises whatever the traced code or its passes raise
        raise UnsupportedError(f"PyTorch: cannot be looked into: {first_line(error)}") from error
    traces = []
    for case in cases:
        recorder = _Recorder(graph)
        with torch.inference_mode():
            made = recorder.run(*(torch.from_numpy(array.copy()) for array in case))
        outputs = [value.numpy() for value in torch.utils._pytree.tree_leaves(made) if isinstance(value, torch.Tensor)]
        traces.append((recorder.values, outputs))
    return traces
