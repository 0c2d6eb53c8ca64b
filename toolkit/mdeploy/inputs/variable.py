# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Inputs that gradients move: an image stays one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mdeploy.formats.manifest import InputSpec
from mdeploy.inputs.pixels import PixelRange, from_pixels
from mdeploy.tensors import Array

__all__ = ["FreeInput", "FreeInputs"]

Tensor = torch.Tensor

_RATE = 0.2
_ROUNDED = 64.0  # inputs that are no images are kept to 1/64


class _Adam:
    """Kingma and Ba's rule. (torch.optim imports torch's compiler, which takes longer than all steps do.)"""

    def __init__(self, variable: Tensor) -> None:
        self._variable = variable
        self._mean, self._square = torch.zeros_like(variable), torch.zeros_like(variable)

    def step(self, number: int, gradient: Tensor) -> None:
        self._mean.lerp_(gradient, 0.1)
        self._square.lerp_(gradient.square(), 0.001)
        mean, square = self._mean / (1 - 0.9**number), self._square / (1 - 0.999**number)
        with torch.no_grad():
            self._variable -= _RATE * mean / (square.sqrt() + 1e-8)


class FreeInput:
    """One input as a variable without bounds: an image's pixels stay between 0 and 255 through a sigmoid."""

    def __init__(self, spec: InputSpec, start: Array) -> None:
        self._spec = spec
        self._start = start
        self._images = PixelRange.of(spec)
        self.variable: Tensor | None = None
        if self._images is not None:
            shares = np.clip(start * self._images.std + self._images.mean, 0.02, 0.98).astype(np.float32)
            self.variable = torch.logit(torch.from_numpy(shares)).requires_grad_(True)
        elif spec.dtype == "float32":
            self.variable = torch.from_numpy(start.copy()).requires_grad_(True)

    def tensor(self) -> Tensor:
        if self.variable is None:
            return torch.from_numpy(self._start.copy())
        if self._images is None:
            return self.variable
        mean, std = (torch.from_numpy(part.astype(np.float32)) for part in (self._images.mean, self._images.std))
        return (torch.sigmoid(self.variable) - mean) / std

    def array(self) -> Array:
        if self.variable is None:
            return self._start
        if self._images is None:
            rounded: Array = (torch.round(self.variable.detach() * _ROUNDED) / _ROUNDED).numpy()
            return rounded
        return from_pixels(np.rint(255.0 * torch.sigmoid(self.variable.detach()).double().numpy()), self._spec)


class FreeInputs:
    """The inputs of a net, by position, and one climb on all of them."""

    def __init__(self, specs: Sequence[InputSpec], start: Sequence[Array]) -> None:
        self._inputs = [FreeInput(spec, array) for spec, array in zip(specs, start, strict=True)]
        self._moved = [item.variable for item in self._inputs if item.variable is not None]
        self._adam = [_Adam(variable) for variable in self._moved]
        self._steps = 0

    @property
    def can_move(self) -> bool:
        """Whether any of them is a variable: integers that are no image stay as they are."""
        return bool(self._moved)

    def tensors(self) -> list[Tensor]:
        """What the net takes, with gradients."""
        return [item.tensor() for item in self._inputs]

    def arrays(self) -> list[Array]:
        """Where the climb has come to."""
        return [item.array() for item in self._inputs]

    def climb(self, aim: Tensor) -> None:
        """One step towards a larger ``aim``, which was computed from ``tensors``."""
        self._steps += 1
        gradients = torch.autograd.grad(-aim, self._moved, allow_unused=True)
        for moving, gradient in zip(self._adam, gradients, strict=True):
            if gradient is not None:
                moving.step(self._steps, gradient)
