# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One process or many: what ``torchrun`` says about this one, and normalisation that sees the whole batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn import functional as differentiable

from mdeploy.errors import UnavailableError, first_line

__all__ = ["World", "synchronize_norms"]


@dataclass(frozen=True)
class World:
    """This process among those that train together."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, device: str) -> World:
        """Join the processes that ``torchrun`` started, or be the only one.

        Args:
            device: cpu, cuda, cuda:1, mps, or auto: the fastest there is.
                Under torchrun each process takes a GPU of its own.

        Raises:
            UnavailableError: the device cannot be used.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        chosen = _device(device)
        if size == 1:
            return cls(chosen)
        if chosen.type == "cuda":
            chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(chosen)
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
        return cls(chosen, distributed.get_rank(), size)

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """Sum over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process."""
        if self.size == 1:
            return flag
        return bool(self.total(torch.tensor(int(flag), device=self.device)).item())

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """Run the block in the first process, and then in the others: what one downloads, the others find."""
        if self.size > 1 and not self.is_first:
            distributed.barrier()
        yield
        if self.size > 1 and self.is_first:
            distributed.barrier()

    def leave(self) -> None:
        """Take leave of the other processes."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UnavailableError(f"device {name!r} cannot be used: {first_line(error)}") from error
    return device


def synchronize_norms(model: nn.Module, world: World) -> nn.Module:
    """Make every batch-norm see the whole batch, so that the curve does not depend on the number of processes."""
    if world.size == 1:
        return model
    if world.device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return converted
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            # Same parameters and buffers under the same names; only the forward pass differs.
            module.__class__ = _GlooBatchNorm2d
    return model


class _GlooBatchNorm2d(nn.BatchNorm2d):
    """Batch-norm over all processes by differentiable all-reduce; PyTorch's own SyncBatchNorm has no CPU form."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        values = x.float()
        count = x.numel() // x.shape[1] * distributed.get_world_size()
        mean = differentiable.all_reduce(values.sum((0, 2, 3))) / count  # type: ignore[no-untyped-call]
        centred = values - mean.view(1, -1, 1, 1)
        variance = differentiable.all_reduce(centred.square().sum((0, 2, 3))) / count  # type: ignore[no-untyped-call]
        with torch.no_grad():
            self.num_batches_tracked += 1
            momentum = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / max(count - 1, 1), momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        result: Tensor = centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return result.to(x.dtype)
