# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The source model is run before it is exported: what it cannot take, and what it does not repeat, is said here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mdeploy.conversion.memory import lacks_memory
from mdeploy.errors import CheckFailed, InputError, named_line
from mdeploy.onnx.export import quiet_torch
from mdeploy.onnx.pipeline import largest_difference
from mdeploy.tensors import Array, TensorSpec

__all__ = ["check_repeats", "run_module", "try_module"]

TRAINING_MODE = (
    "the model answers the same input differently each time: it was saved in training mode, with dropout or "
    "noise on; call model.eval() and save it again"
)


def run_module(module: torch.nn.Module | torch.export.ExportedProgram, inputs: Sequence[Array]) -> list[Array]:
    """Run once; nested outputs in order, every float as float32."""
    called = module.module() if isinstance(module, torch.export.ExportedProgram) else module
    with torch.inference_mode():
        answer = called(*(torch.from_numpy(array.copy()) for array in inputs))
    leaves, _ = torch.utils._pytree.tree_flatten(answer)
    arrays = [leaf.detach().cpu().numpy() for leaf in leaves if isinstance(leaf, torch.Tensor)]
    return [array.astype(np.float32) if array.dtype.kind == "f" else array for array in arrays]


def try_module(
    module: torch.nn.Module | torch.export.ExportedProgram, specs: Sequence[TensorSpec], where: str
) -> list[Array]:
    """Run a module on zeros. Raises ``InputError`` where it does not take inputs of these shapes."""
    try:
        with quiet_torch():
            return run_module(module, [spec.zeros() for spec in specs])
    except Exception as error:  # the user's code may raise anything
        if lacks_memory(error):
            raise  # for enough_memory to say
        shapes = ", ".join("x".join(map(str, spec.shape)) for spec in specs)
        raise InputError(
            f"{where}: the model does not run on an input of {shapes}: {_cause(error)}{_advice(specs)}"
        ) from (error)


def check_repeats(
    module: torch.nn.Module | torch.export.ExportedProgram, inputs: Sequence[Array], first: Sequence[Array]
) -> None:
    """Raise ``CheckFailed`` where a second run on the same input gives other numbers."""
    with quiet_torch():
        difference, allowed = largest_difference([first], [run_module(module, inputs)])
    if not difference <= allowed:
        raise CheckFailed(TRAINING_MODE)


def _cause(error: BaseException) -> str:
    """TorchScript says what is wrong in the last line, after its own stack."""
    text = str(error)
    if "TorchScript interpreter" in text or "can't allocate memory" in text:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return next((line for line in reversed(lines) if "Error" in line), lines[-1])[:300]
    return named_line(error)


def _advice(specs: Sequence[TensorSpec]) -> str:
    """What --input-shape may have been meant to say."""
    if len(specs) != 1:
        return "; check --input-shape"
    shape = specs[0].shape
    if len(shape) == 3:
        height, width, channels = shape if shape[2] in (1, 3) and shape[0] not in (1, 3) else (*shape[1:], shape[0])
        return f"; images are batch, channels, height, width: --input-shape 1,{channels},{height},{width}"
    if len(shape) == 4 and shape[3] in (1, 3) and shape[1] not in (1, 3):
        return f"; channels come before height and width: --input-shape {shape[0]},{shape[3]},{shape[1]},{shape[2]}"
    return "; check --input-shape"
