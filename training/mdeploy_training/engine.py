# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: plain PyTorch over pictures in memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mdeploy.errors import CheckFailed, UsageError
from mdeploy_training.data import Normalization, Pictures, training_batches
from mdeploy_training.recipe import Recipe
from mdeploy_training.schedule import learning_rate

__all__ = ["Engine", "EpochResult", "evaluate", "loss_of", "uses_bfloat16"]

Advance = Callable[[int], None]


@dataclass(frozen=True)
class EpochResult:
    """What one epoch did. Losses are means per picture, accuracies shares of 1."""

    epoch: int
    """1 after the first epoch."""
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    lr: float
    """At the epoch's last step."""
    seconds: float
    """Of training alone."""
    images_per_second: float


class Engine:
    """A model in training: its weights, their average, the optimizer, and how far it has come."""

    def __init__(self, model: nn.Module, recipe: Recipe, normalization: Normalization, device: torch.device) -> None:
        self.recipe, self.normalization, self.device = recipe, normalization, device
        self.model = model.to(device)
        if recipe.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(
            _parameter_groups(self.model, recipe),
            lr=recipe.lr,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
        )
        self.average: AveragedModel | None = None
        if recipe.ema:
            self.average = AveragedModel(
                self.model,
                multi_avg_fn=get_ema_multi_avg_fn(recipe.ema),  # type: ignore[no-untyped-call]
                use_buffers=True,
            )
        self.autocast = uses_bfloat16(recipe, device)

    @property
    def best_model(self) -> nn.Module:
        """The weights to test and to save: their average where the recipe asks for one."""
        return self.model if self.average is None else self.average.module

    def train_epoch(self, pictures: Pictures, epoch: int, advance: Advance) -> tuple[float, float, float]:
        """Train one epoch (counted from 0); return loss, accuracy and the last learning rate."""
        steps = len(pictures) // self.recipe.batch
        if not steps:
            raise UsageError(f"{len(pictures)} training pictures do not fill one batch of {self.recipe.batch}")
        self.model.train()
        loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        lr = 0.0
        for step, pixels, labels in training_batches(pictures, self.recipe, epoch):
            lr = learning_rate(self.recipe, epoch + (step + 1) / steps)
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            labels = labels.to(self.device)
            output = self._forward(pixels)
            loss = loss_of(output, labels, self.recipe.label_smoothing)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            if self.average is not None:
                self.average.update_parameters(self.model)
            loss_sum += loss.detach()
            correct += (output.detach().argmax(1) == labels).sum()
            advance(1)
        mean_loss = loss_sum.item() / steps
        if not math.isfinite(mean_loss):
            raise CheckFailed(f"epoch {epoch + 1}: the loss is not a number; a lower lr or longer warm-up may help")
        return mean_loss, correct.item() / (steps * self.recipe.batch), lr

    def _forward(self, pixels: Tensor) -> Tensor:
        inputs = self.normalization(pixels.to(self.device))
        if self.recipe.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
            output: Tensor = self.model(inputs)
        return output.float()

    def run(self, train: Pictures, test: Pictures, advance: Advance) -> Iterator[EpochResult]:
        """Train all epochs, and yield what each did."""
        for epoch in range(self.recipe.epochs):
            start = time.perf_counter()
            loss, accuracy, lr = self.train_epoch(train, epoch, advance)
            seconds = time.perf_counter() - start
            test_loss, test_accuracy = evaluate(self.best_model, test, self.normalization, self.device)
            pictures = len(train) // self.recipe.batch * self.recipe.batch
            yield EpochResult(
                epoch + 1, loss, accuracy, test_loss, test_accuracy, lr, seconds, pictures / seconds if seconds else 0.0
            )


def loss_of(log_probabilities: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of a model that ends in log-softmax, with label smoothing: mean over the batch."""
    loss = F.nll_loss(log_probabilities, labels)
    return loss if not smoothing else (1 - smoothing) * loss - smoothing * log_probabilities.mean()


@torch.inference_mode()
def evaluate(
    model: nn.Module, pictures: Pictures, normalization: Normalization, device: torch.device, batch: int = 500
) -> tuple[float, float]:
    """Return mean loss and accuracy in float32, in eval mode; the model's mode is restored."""
    mode = model.training
    model.eval()
    loss, correct = 0.0, 0
    for start in range(0, len(pictures), batch):
        labels = pictures.labels[start : start + batch].to(device)
        output = model(normalization(pictures.pixels[start : start + batch].to(device)))
        loss += F.nll_loss(output, labels, reduction="sum").item()
        correct += int((output.argmax(1) == labels).sum().item())
    model.train(mode)
    return loss / len(pictures), correct / len(pictures)


def uses_bfloat16(recipe: Recipe, device: torch.device) -> bool:
    """Whether the run computes under bfloat16 autocast."""
    if recipe.precision != "auto":
        return recipe.precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Without these instructions bfloat16 is emulated and slower than float32.
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for parameter in model.parameters():
        is_weight = parameter.ndim > 1
        (decayed if is_weight or recipe.decay_norm_and_bias else free).append(parameter)
    groups: list[dict[str, object]] = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
