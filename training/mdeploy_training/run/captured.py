# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A training pass as a CUDA graph: a net of many small kernels then waits for the GPU, not for Python."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mdeploy_training.data import Batch

__all__ = ["CapturedPass"]

_WARMUPS = 3  # PyTorch's own advice: cuDNN and the allocator settle before the recording


class CapturedPass:
    """Forward and backward over batches of one shape, recorded once and replayed.

    Args:
        compute: (pixels, labels, other labels, weight of ``labels``) -> sums; leaves gradients in the parameters.
        shape: of the pixels, (N, 3, H, W), uint8.

    The parameters' gradients and the model's buffers are as before when the recording is done.
    """

    def __init__(
        self,
        compute: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
        model: nn.Module,
        shape: tuple[int, ...],
        device: torch.device,
    ) -> None:
        self._pixels = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._labels, self._others = (torch.zeros(shape[0], dtype=torch.int64, device=device) for _ in range(2))
        self._weight = torch.ones((), device=device)
        inputs = (self._pixels, self._labels, self._others, self._weight)
        self._parameters = list(model.parameters())
        before = [buffer.clone() for buffer in model.buffers()]

        aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(_WARMUPS):
                self._forget_gradients()
                compute(*inputs)
        torch.cuda.current_stream(device).wait_stream(aside)
        self._forget_gradients()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._sums = compute(*inputs)
        self._gradients = [parameter.grad for parameter in self._parameters]
        self._forget_gradients()
        for buffer, value in zip(model.buffers(), before, strict=True):
            buffer.copy_(value)

    def replay(self, batch: Batch) -> Tensor:
        """Compute one batch: gradients are in the parameters, the sums in what is returned, until the next one."""
        self._pixels.copy_(batch.pixels, non_blocking=True)
        self._labels.copy_(batch.labels, non_blocking=True)
        self._others.copy_(batch.other_labels, non_blocking=True)
        self._weight.fill_(batch.weight)
        self._graph.replay()
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        return self._sums

    def _forget_gradients(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None
