# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: plain PyTorch, in one process or in many."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mdeploy.errors import CheckFailed, UsageError
from mdeploy_training.data import Batch, Normalization, Source, evaluation_batches, training_batches
from mdeploy_training.data.batches import steps_per_epoch
from mdeploy_training.run.captured import CapturedPass
from mdeploy_training.run.optimization import head_of, loss_of, make_optimizer
from mdeploy_training.run.parallel import World, synchronize_norms
from mdeploy_training.run.recipe import Recipe
from mdeploy_training.run.schedule import image_size, learning_rate

__all__ = ["Engine", "EpochResult", "Stopped", "evaluate", "uses_autocast"]

_CHECK_STEPS = 20  # between looks at the loss, which make a GPU wait


class Stopped(Exception):  # noqa: N818  (it is a wish, not an error)
    """The run was asked to stop and did so between two steps; the engine's state continues it."""


@dataclass(frozen=True)
class EpochResult:
    """What one epoch did. Losses are means per image, accuracies shares of 1."""

    epoch: int
    """1 after the first epoch."""
    train_loss: float
    train_accuracy: float
    """On augmented images, while the weights still moved."""
    test_loss: float
    test_accuracy: float
    lr: float
    """Of the epoch's last step."""
    seconds: float
    """Of training alone."""
    images_per_second: float


@dataclass(frozen=True)
class Trained:
    """The training half of an epoch's result."""

    loss: float
    accuracy: float
    lr: float
    seconds: float
    images: int


@dataclass
class Progress:
    """How far a run has come, and the sums over the epoch so far."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    correct: float = 0.0
    seconds: float = 0.0


class Engine:
    """A model in training: its weights, their average, the optimizer, and how far it has come.

    Args:
        model: ends in log-softmax; moved to ``world.device`` and changed in place.
        compiled: run the training passes through ``torch.compile``.
        captured: record each training pass as a CUDA graph and replay it: see ``CapturedPass``.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        normalization: Normalization,
        world: World,
        *,
        compiled: bool = False,
        captured: bool = False,
    ) -> None:
        if recipe.batch % (world.size * recipe.accumulate):
            raise UsageError(f"batch {recipe.batch} cannot be shared by {world.size} processes x {recipe.accumulate}")
        self.recipe, self.normalization, self.world = recipe, normalization, world
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.model = synchronize_norms(model.to(world.device, memory_format=layout), world)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(self.model, recipe)
        self.average: AveragedModel | None = None
        if recipe.ema:
            averaging = get_ema_multi_avg_fn(recipe.ema)  # type: ignore[no-untyped-call]
            self.average = AveragedModel(self.model, multi_avg_fn=averaging, use_buffers=True)
        self.autocast = uses_autocast(recipe, world.device)
        self.scaler = torch.amp.GradScaler(world.device.type, enabled=self.autocast is torch.float16)
        self.progress = Progress()
        self.stop_requested: Callable[[], bool] = lambda: False
        self._run: nn.Module = DistributedDataParallel(self.model) if world.size > 1 else self.model
        if compiled:
            self._run = torch.compile(self._run)  # type: ignore[assignment]
        self._size: tuple[int, int] | None = None
        self._captured: CapturedPass | None = None
        self._captures = captured
        if captured:
            self._check_capture()

    @property
    def best_model(self) -> nn.Module:
        """The weights to test and to save: their average where the recipe asks for one."""
        return self.model if self.average is None else self.average.module

    def run(self, train: Source, test: Source, advance: Callable[[int], None]) -> Iterator[EpochResult]:
        """Train from where the run stands to its end, and yield what each epoch did.

        Args:
            advance: called with 1 after every step.

        Raises:
            Stopped: ``stop_requested`` gave True.
            CheckFailed: the loss is not a number.
        """
        while self.progress.epoch < self.recipe.epochs:
            yield self._epoch(train, test, advance)

    def _epoch(self, train: Source, test: Source, advance: Callable[[int], None]) -> EpochResult:
        trained = self.train_epoch(train, advance)
        test_loss, test_accuracy = evaluate(self.best_model, test, self.normalization, self.world)
        return EpochResult(
            epoch=self.progress.epoch,
            train_loss=trained.loss,
            train_accuracy=trained.accuracy,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            lr=trained.lr,
            seconds=trained.seconds,
            images_per_second=trained.images / trained.seconds,
        )

    def train_epoch(self, train: Source, advance: Callable[[int], None]) -> Trained:
        """Train to the end of the present epoch. Raises as ``run`` does."""
        progress, steps = self.progress, steps_per_epoch(train, self.recipe)
        if not steps:
            raise UsageError(f"{len(train)} training images do not fill one batch of {self.recipe.batch}")
        self._train_mode()
        self._set_size(train.size)
        sums = torch.tensor([progress.loss, progress.correct], dtype=torch.float64, device=self.world.device)
        start = time.perf_counter() - progress.seconds
        lr = 0.0
        for batches in self._batches(train):
            lr = learning_rate(self.recipe, progress.epoch + (progress.step + 0.5) / steps)
            sums += self._step(batches, lr)
            progress.step += 1
            advance(1)
            self._look(sums, progress.step == steps)
            if progress.step < steps and self._is_time_to_stop():
                progress.loss, progress.correct = self.world.total(sums).tolist()
                progress.seconds = time.perf_counter() - start
                raise Stopped
        images = steps * self.recipe.batch
        loss, correct = (self.world.total(sums) / images).tolist()
        self.progress = Progress(progress.epoch + 1)
        return Trained(loss, correct, lr, time.perf_counter() - start, images)

    def _batches(self, train: Source) -> Iterator[tuple[Batch, ...]]:
        """Yield this process's share of each step from the present one on, cut into its micro-batches."""
        count = self.recipe.accumulate
        return zip(
            *(
                training_batches(
                    train,
                    self.recipe,
                    self.progress.epoch,
                    first_step=self.progress.step,
                    parts=self.world.size * count,
                    part=self.world.rank * count + index,
                )
                for index in range(count)
            ),
            strict=True,
        )

    def _step(self, batches: tuple[Batch, ...], lr: float) -> Tensor:
        """Take one optimizer step; return this process's sums of loss and correct answers, (2,) float64."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
        if self._captured is not None:
            sums = self._captured.replay(batches[0])
        else:
            self.optimizer.zero_grad()
            sums = torch.zeros(2, dtype=torch.float64, device=self.world.device)
            for index, batch in enumerate(batches):
                last = index == len(batches) - 1
                waiting = isinstance(self._run, DistributedDataParallel) and not last
                with self._run.no_sync() if waiting else contextlib.nullcontext():  # type: ignore[operator]
                    labels, others = (
                        values.to(self.world.device, non_blocking=True) for values in (batch.labels, batch.other_labels)
                    )
                    sums += self._pass(batch.pixels.to(self.world.device), labels, others, batch.weight)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.model)
        return sums

    def _pass(self, pixels: Tensor, labels: Tensor, others: Tensor, weight: float | Tensor) -> Tensor:
        """Add the gradients of one micro-batch; return its sums of loss and correct answers, (2,) float64.

        All tensors are on the device. ``weight`` as a tensor keeps the value out of a recorded pass.
        """
        output = self._forward(pixels)
        loss = weight * loss_of(output, labels, self.recipe.label_smoothing)
        if isinstance(weight, Tensor) or weight < 1:
            loss = loss + (1 - weight) * loss_of(output, others, self.recipe.label_smoothing)
        self.scaler.scale(loss / self.recipe.accumulate).backward()  # type: ignore[no-untyped-call]
        correct = (output.detach().argmax(1) == labels).sum()
        return torch.stack([(loss.detach() * len(labels)).double(), correct.double()])

    def _set_size(self, full: tuple[int, int]) -> None:
        """Take this epoch's image size; record the pass anew where that changes it."""
        size = image_size(self.recipe, self.progress.epoch, full)
        if size == self._size:
            return
        self._size, self._captured = size, None
        if self._captures:
            shape = (self.recipe.batch, 3, *full)
            self._captured = CapturedPass(self._pass, self.model, shape, self.world.device)

    def _check_capture(self) -> None:
        recipe = self.recipe
        if self.world.device.type != "cuda":
            raise UsageError(f"CUDA graphs need a CUDA device, not {self.world.device.type}")
        if self.world.size > 1 or recipe.accumulate > 1 or self.autocast is torch.float16 or recipe.freeze:
            raise UsageError("CUDA graphs go with one process, accumulate 1, no fp16 and nothing frozen")

    def _forward(self, pixels: Tensor) -> Tensor:
        inputs = self.normalization(pixels)
        if self._size is not None and self._size != tuple(inputs.shape[2:]):
            inputs = F.interpolate(inputs, self._size, mode="bilinear", antialias=True)
        if self.recipe.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.world.device.type, dtype=self.autocast, enabled=self.autocast is not None):
            output: Tensor = self._run(inputs)
        return output.float()

    def _train_mode(self) -> None:
        self._run.train()
        if self.recipe.freeze:
            # Statistics belong to what is frozen.
            self.model.eval()
            head_of(self.model)[1].train()

    def _is_time_to_stop(self) -> bool:
        # Processes must agree on the step, and asking the others costs more than asking oneself.
        if self.world.size > 1 and self.progress.step % _CHECK_STEPS:
            return False
        return self.world.any(self.stop_requested())

    def _look(self, sums: Tensor, last: bool) -> None:
        step = self.progress.step
        if (last or step % _CHECK_STEPS == 0) and not sums[0].isfinite():
            raise CheckFailed(
                f"epoch {self.progress.epoch + 1}, by step {step}: the loss is not a number; "
                "a lower lr or a longer warm-up may help"
            )

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the run exactly, as plain types and tensors."""
        return {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": asdict(self.progress),
            "random": torch.get_rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` gave."""
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.progress = Progress(**state["progress"])
        if not self.world.is_first:
            self.progress.loss = self.progress.correct = 0.0  # the sums of all are in the first process
        torch.set_rng_state(state["random"])


@torch.inference_mode()
def evaluate(
    model: nn.Module, source: Source, normalization: Normalization, world: World, batch: int = 500
) -> tuple[float, float]:
    """Return mean loss and accuracy over all images, in float32 and eval mode; the model's modes are restored."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    sums = torch.zeros(2, dtype=torch.float64, device=world.device)
    for pixels, labels in evaluation_batches(source, batch, parts=world.size, part=world.rank):
        targets = labels.to(world.device)
        output = model(normalization(pixels.to(world.device)))
        sums[0] += F.nll_loss(output, targets, reduction="sum")
        sums[1] += (output.argmax(1) == targets).sum()
    for module, mode in modes:
        module.training = mode
    loss, correct = world.total(sums).tolist()
    return loss / len(source), correct / len(source)


def uses_autocast(recipe: Recipe, device: torch.device) -> torch.dtype | None:
    """Return the type that the run computes in under autocast, or None for float32 throughout."""
    if recipe.precision != "auto":
        return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[recipe.precision]
    if device.type == "cuda":
        native = bool(torch.cuda.is_bf16_supported(including_emulation=False))
    else:
        # Without these instructions bfloat16 is emulated and slower than float32.
        native = device.type == "cpu" and bool(
            torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        )
    return torch.bfloat16 if native else None
