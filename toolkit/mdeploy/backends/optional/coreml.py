# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Core ML: an ML program in float32, for ``convert --also``. Only Apple's systems run it, so nothing loads it here."""

from __future__ import annotations

from pathlib import Path

from mdeploy.backends.optional.module import NetSpec

__all__ = ["make"]

_FOLDER = "model.mlpackage"


def make(model: Path, folder: Path, spec: NetSpec) -> None:
    """Write model.mlpackage for iOS 15 and later, with the net's names for inputs and outputs."""
    import coremltools as ct
    import numpy as np
    import torch

    from mdeploy.backends.optional.torch_graph import load_graph

    examples = tuple(torch.zeros(info.shape, dtype=getattr(torch, info.dtype)) for info in spec.inputs)
    with torch.inference_mode():
        traced = torch.jit.trace(load_graph(model), examples, check_trace=False)  # type: ignore[no-untyped-call]
    program = ct.convert(
        traced,
        inputs=[ct.TensorType(name=info.name, shape=info.shape, dtype=np.dtype(info.dtype)) for info in spec.inputs],
        outputs=[ct.TensorType(name=info.name) for info in spec.outputs],
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32,
        minimum_deployment_target=ct.target.iOS15,
    )
    program.save(str(folder / _FOLDER))
