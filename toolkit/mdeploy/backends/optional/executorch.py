# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ExecuTorch with its XNNPACK delegate, in float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mdeploy.backends.optional.module import NetSpec, Run, shaped

__all__ = ["load", "make"]

_FILE = "model.pte"


def make(model: Path, folder: Path, spec: NetSpec) -> None:
    """Write model.pte: everything that XNNPACK has goes to it, the rest to the portable kernels."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    from mdeploy.backends.optional.torch_graph import load_graph

    examples = tuple(torch.zeros(info.shape, dtype=getattr(torch, info.dtype)) for info in spec.inputs)
    program = torch.export.export(load_graph(model), examples)
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
    (folder / _FILE).write_bytes(lowered.buffer)


def load(folder: Path, spec: NetSpec, threads: int) -> Run:
    """Load the method."""
    import torch
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime

    if threads:
        portable_lib._unsafe_reset_threadpool(threads)
    method = Runtime.get().load_program(str(folder / _FILE)).load_method("forward")

    def run(inputs: Sequence[Any]) -> Sequence[Any]:
        outputs = method.execute([torch.from_numpy(array.copy()) for array in inputs])
        return shaped([tensor.numpy().copy() for tensor in outputs], spec)

    return run
