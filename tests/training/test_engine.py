# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The loop: loss falls, averages average, decay goes where the recipe says, and NaN stops the run."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from mdeploy.errors import CheckFailed, UsageError
from mdeploy_training.data import Normalization, Pictures, read_dataset, training_batches
from mdeploy_training.engine import Engine, evaluate, loss_of
from mdeploy_training.models import ResNeSt, resnest_small
from mdeploy_training.recipe import Recipe

CPU = torch.device("cpu")
RECIPE = Recipe(
    epochs=4, batch=24, lr=0.1, momentum=0.9, nesterov=True, schedule="one_cycle", warmup_epochs=1.0, precision="fp32"
)


def small(classes: int = 3) -> ResNeSt:
    return resnest_small(classes=classes, layers=(1, 1), widths=(8, 16), strides=(2, 2), stem_width=8)


@pytest.fixture
def data(colour_folder: Path) -> tuple[Pictures, Pictures]:
    return read_dataset(str(colour_folder))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_learns(data: tuple[Pictures, Pictures], precision: str) -> None:
    train, test = data
    recipe = dataclasses.replace(RECIPE, precision=precision)
    engine = Engine(small(), recipe, Normalization.measured(train), CPU)
    steps: list[int] = []
    results = list(engine.run(train, test, steps.append))
    assert [result.epoch for result in results] == [1, 2, 3, 4]
    assert sum(steps) == 4 * 5
    assert results[-1].train_loss < 0.5 * results[0].train_loss
    assert results[-1].test_accuracy >= 0.9
    assert results[-1].lr == pytest.approx(0)
    assert all(p.dtype == torch.float32 for p in engine.model.parameters())


def test_one_step_is_sgd_by_hand(data: tuple[Pictures, Pictures]) -> None:
    train, _ = data
    recipe = dataclasses.replace(
        RECIPE, epochs=1, batch=120, momentum=0.0, nesterov=False, weight_decay=0.1, schedule="cosine",
        warmup_epochs=1.0, decay_norm_and_bias=False, label_smoothing=0.1,
    )  # fmt: skip
    normalization = Normalization.measured(train)
    engine = Engine(small(), recipe, normalization, CPU)
    engine.train_epoch(train, 0, lambda _: None)

    twin = small().train()
    _, pixels, labels = next(training_batches(train, recipe, 0))
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    criterion(twin(normalization(pixels)), labels).backward()
    # The one step is the end of the warm-up and of the cosine, where the rate is zero.
    assert engine.optimizer.param_groups[0]["lr"] == 0
    engine.optimizer.param_groups[0]["lr"] = engine.optimizer.param_groups[1]["lr"] = 0.5
    engine.optimizer.step()
    for (name, ours), theirs in zip(engine.model.named_parameters(), twin.parameters(), strict=True):
        assert theirs.grad is not None
        decay = 0.1 * theirs if theirs.ndim > 1 else 0.0
        torch.testing.assert_close(ours, theirs - 0.5 * (theirs.grad + decay), rtol=1e-4, atol=1e-5, msg=name)


def test_the_average_is_what_is_tested_and_saved(data: tuple[Pictures, Pictures]) -> None:
    train, _ = data
    engine = Engine(small(), dataclasses.replace(RECIPE, ema=0.9), Normalization.measured(train), CPU)
    before = engine.model.fc.weight.detach().clone()
    expected, decay = before, 0.9
    for step in range(3):
        with torch.no_grad():
            engine.model.fc.weight.copy_(before + step + 1)
        assert engine.average is not None
        engine.average.update_parameters(engine.model)
        current = before + step + 1
        expected = current if step == 0 else decay * expected + (1 - decay) * current
    torch.testing.assert_close(engine.best_model.fc.weight, expected)
    assert engine.best_model is not engine.model


def test_label_smoothing_is_pytorchs() -> None:
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    for smoothing in (0.0, 0.2):
        expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        torch.testing.assert_close(loss_of(logits.log_softmax(1), labels, smoothing), expected)


def test_evaluate_counts_every_picture_and_restores_the_mode(data: tuple[Pictures, Pictures]) -> None:
    _, test = data
    model = small().train()
    normalization = Normalization.measured(test)
    loss, accuracy = evaluate(model, test, normalization, CPU, batch=7)
    assert model.training
    with torch.no_grad():
        output = model.eval()(normalization(test.pixels))
    assert loss == pytest.approx(-output[range(30), test.labels].mean().item(), rel=1e-5)
    assert accuracy == (output.argmax(1) == test.labels).double().mean().item()


def test_a_loss_that_is_not_a_number_stops_the_run(data: tuple[Pictures, Pictures]) -> None:
    train, _ = data
    model = small()
    with torch.no_grad():
        model.fc.bias.fill_(math.nan)
    engine = Engine(model, RECIPE, Normalization.measured(train), CPU)
    with pytest.raises(CheckFailed, match=r"epoch 1.*not a number"):
        engine.train_epoch(train, 0, lambda _: None)


def test_fewer_pictures_than_a_batch(data: tuple[Pictures, Pictures]) -> None:
    train, _ = data
    engine = Engine(small(), dataclasses.replace(RECIPE, batch=121), Normalization.measured(train), CPU)
    with pytest.raises(UsageError, match="120 training pictures"):
        engine.train_epoch(train, 0, lambda _: None)
