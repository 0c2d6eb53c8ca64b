# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A model that answers NaN or infinity to everything agrees with itself everywhere: it is refused, and the first tensor
that is not finite named."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from mdeploy.errors import CheckFailed
from mdeploy.tensors import Array

__all__ = ["check_finite"]


def check_finite(model: Any, inputs: Sequence[Sequence[Array]], outputs: Sequence[Sequence[Array]], where: str) -> None:
    """Raise ``CheckFailed`` where an output has no finite value in any case.

    Args:
        model: an ``onnx_ir`` model that computes what the outputs came from.
        inputs: by case and position.
        outputs: the same.
    """
    for number in range(len(outputs[0])):
        arrays = [case[number] for case in outputs]
        if not any(array.size for array in arrays) or any(np.isfinite(array).any() for array in arrays):
            continue
        found = _first(model, inputs[-1])
        raise CheckFailed(f"{where}: every value of output {number} is NaN or infinite, whatever the input: {found}")


def _first(model: Any, inputs: Sequence[Array]) -> str:
    """The first weight that is not finite, else the first tensor."""
    for value in model.graph.initializers.values():
        array = value.const_value.numpy() if value.const_value is not None else np.zeros(0)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"weight {value.name} holds {int((~np.isfinite(array)).sum())} values that are not finite"
    with contextlib.suppress(Exception):  # no form in torch: the refusal stands without a name
        return _first_tensor(model, inputs)
    return "its weights are finite; look at what it computes with them"


def _first_tensor(model: Any, inputs: Sequence[Array]) -> str:
    import onnx_ir as ir
    import torch

    from mdeploy.backends.optional.torch_graph import GraphModule

    graph = GraphModule(ir.to_proto(model)).eval()
    with torch.no_grad():
        values = graph.values(*(torch.from_numpy(array.copy()) for array in inputs))
    for node, _, results in graph.nodes:
        for name in results:
            if name and values[name].is_floating_point() and not bool(torch.isfinite(values[name]).all()):
                return f"its weights are finite; the first tensor that is not is {name} ({node.op_type})"
    raise ValueError("all are finite")
