# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The loop: loss falls, averages average, decay goes where the recipe says, and NaN stops the run."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from mdeploy.errors import CheckFailed, UsageError
from mdeploy_training.data import Images, Normalization, Source, read_dataset, training_batches
from mdeploy_training.models import ResNeSt, resnest_small
from mdeploy_training.run.engine import Engine, Stopped, evaluate
from mdeploy_training.run.optimization import loss_of, make_optimizer
from mdeploy_training.run.parallel import World
from mdeploy_training.run.recipe import Recipe

ALONE = World(torch.device("cpu"))
RECIPE = Recipe(
    epochs=4, batch=24, lr=0.1, momentum=0.9, nesterov=True, schedule="one_cycle", warmup_epochs=1.0, precision="fp32"
)


SMALL: dict[str, Any] = {"classes": 3, "layers": (1, 1), "widths": (8, 16), "strides": (2, 2), "stem_width": 8}


def small(classes: int = 3) -> ResNeSt:
    return resnest_small(**{**SMALL, "classes": classes})


@pytest.fixture
def data(colour_folder: Path) -> tuple[Source, Source]:
    return read_dataset(str(colour_folder))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_learns(data: tuple[Source, Source], precision: str) -> None:
    train, test = data
    recipe = dataclasses.replace(RECIPE, precision=precision)
    engine = Engine(small(), recipe, Normalization.measured(train), ALONE)
    steps: list[int] = []
    results = list(engine.run(train, test, steps.append))
    assert [result.epoch for result in results] == [1, 2, 3, 4]
    assert sum(steps) == 4 * 5
    assert results[-1].train_loss < 0.5 * results[0].train_loss
    assert results[-1].test_accuracy >= 0.9
    assert 0 < results[-1].lr < 0.05 * RECIPE.lr
    assert all(p.dtype == torch.float32 for p in engine.model.parameters())


def test_one_step_is_sgd_by_hand(data: tuple[Source, Source]) -> None:
    train, _ = data
    recipe = dataclasses.replace(
        RECIPE, epochs=1, batch=120, momentum=0.0, nesterov=False, weight_decay=0.1, schedule="cosine",
        warmup_epochs=1.0, decay_norm_and_bias=False, label_smoothing=0.1,
    )  # fmt: skip
    normalization = Normalization.measured(train)
    engine = Engine(small(), recipe, normalization, ALONE)
    next(engine.run(train, train, lambda _: None))

    twin = small().train()
    batch = next(training_batches(train, recipe, 0))
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    criterion(twin(normalization(batch.pixels)), batch.labels).backward()
    # The one step is in the middle of the warm-up, where the rate is half of its peak.
    for (name, ours), theirs in zip(engine.model.named_parameters(), twin.parameters(), strict=True):
        assert theirs.grad is not None
        decay = 0.1 * theirs if theirs.ndim > 1 else 0.0
        torch.testing.assert_close(ours, theirs - 0.05 * (theirs.grad + decay), rtol=1e-4, atol=1e-5, msg=name)


def test_the_average_is_what_is_tested_and_saved(data: tuple[Source, Source]) -> None:
    train, _ = data
    engine = Engine(small(), dataclasses.replace(RECIPE, ema=0.9), Normalization.measured(train), ALONE)
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


def test_evaluate_counts_every_image_and_restores_the_mode(data: tuple[Source, Source]) -> None:
    _, test = data
    model = small().train()
    normalization = Normalization.measured(test)
    loss, accuracy = evaluate(model, test, normalization, ALONE, batch=7)
    assert model.training
    with torch.no_grad():
        output = model.eval()(normalization(test.fetch(torch.arange(30))))
    assert loss == pytest.approx(-output[range(30), test.labels].mean().item(), rel=1e-5)
    assert accuracy == (output.argmax(1) == test.labels).double().mean().item()


def test_a_loss_that_is_not_a_number_stops_the_run(data: tuple[Source, Source]) -> None:
    train, _ = data
    model = small()
    with torch.no_grad():
        model.fc.bias.fill_(math.nan)
    engine = Engine(model, RECIPE, Normalization.measured(train), ALONE)
    with pytest.raises(CheckFailed, match=r"epoch 1, by step 5.*not a number"):
        next(engine.run(train, train, lambda _: None))


def test_fewer_images_than_a_batch(data: tuple[Source, Source]) -> None:
    train, _ = data
    engine = Engine(small(), dataclasses.replace(RECIPE, batch=121), Normalization.measured(train), ALONE)
    with pytest.raises(UsageError, match="120 training images"):
        next(engine.run(train, train, lambda _: None))


def test_frozen_weights_and_statistics_stay(data: tuple[Source, Source]) -> None:
    train, test = data
    model = small()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    engine = Engine(model, dataclasses.replace(RECIPE, freeze=True), Normalization.measured(train), ALONE)
    next(engine.run(train, test, lambda _: None))
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == ["fc.weight", "fc.bias"]


def test_layer_decay_slows_early_stages() -> None:
    optimizer = make_optimizer(small(), dataclasses.replace(RECIPE, layer_decay=0.5))
    # conv1, bn1, layer1, layer2, fc
    assert sorted({group["lr_scale"] for group in optimizer.param_groups}) == [0.0625, 0.125, 0.25, 0.5, 1.0]


def test_accumulated_parts_give_the_gradient_of_the_whole_batch(data: tuple[Source, Source]) -> None:
    train, _ = data
    recipe = dataclasses.replace(RECIPE, freeze=True, epochs=1)  # with fixed statistics the parts add up exactly
    weights = []
    for accumulate in (1, 3):
        engine = Engine(
            small(), dataclasses.replace(recipe, accumulate=accumulate), Normalization.measured(train), ALONE
        )
        result = next(engine.run(train, train, lambda _: None))
        weights.append((engine.model.get_submodule("fc").weight.detach(), result.train_loss))
    torch.testing.assert_close(weights[0][0], weights[1][0], rtol=1e-4, atol=1e-6)
    assert weights[0][1] == pytest.approx(weights[1][1], rel=1e-5)


@pytest.mark.parametrize(
    "changes", [{"mixup": 0.5}, {"cutmix": 1.0}, {"mixup": 0.5, "cutmix": 1.0, "randaugment": 5.0}]
)
def test_learns_from_mixed_images(data: tuple[Source, Source], changes: dict[str, float]) -> None:
    train, test = data
    recipe = dataclasses.replace(RECIPE, epochs=8, **changes)  # type: ignore[arg-type]
    results = list(Engine(small(), recipe, Normalization.measured(train), ALONE).run(train, test, lambda _: None))
    assert results[-1].test_accuracy >= 0.8


def test_fp16_scales_the_loss_and_learns(data: tuple[Source, Source]) -> None:
    train, test = data
    engine = Engine(small(), dataclasses.replace(RECIPE, precision="fp16"), Normalization.measured(train), ALONE)
    assert engine.scaler.get_scale() > 1
    assert list(engine.run(train, test, lambda _: None))[-1].test_accuracy >= 0.9


def test_a_stopped_run_goes_on_to_the_same_weights(data: tuple[Source, Source]) -> None:
    train, test = data
    recipe = dataclasses.replace(RECIPE, ema=0.9, crop_padding=2, flip=True, epochs=3)
    normalization = Normalization.measured(train)
    whole = Engine(small(), recipe, normalization, ALONE)
    expected = list(whole.run(train, test, lambda _: None))

    results = []
    steps = 0

    def count(_: int) -> None:
        nonlocal steps
        steps += 1

    state: dict[str, Any] | None = None
    for stop_at in (2, 3, 9, 10**9):
        engine = Engine(resnest_small(**SMALL, seed=9), recipe, normalization, ALONE)
        if state is None:
            engine.model.load_state_dict(small().state_dict())
            if engine.average is not None:
                engine.average.module.load_state_dict(small().state_dict())
        else:
            engine.load_state_dict(state)
        engine.stop_requested = lambda stop_at=stop_at: steps >= stop_at  # type: ignore[misc]
        with contextlib.suppress(Stopped):
            for result in engine.run(train, test, count):
                results.append(result)
        state = copy.deepcopy(engine.state_dict())
    assert steps == 15
    for name, value in whole.state_dict()["average"].items():
        assert torch.equal(value, engine.state_dict()["average"][name]), name
    for ours, theirs in zip(results, expected, strict=True):
        assert dataclasses.replace(ours, seconds=0, images_per_second=0) == dataclasses.replace(
            theirs, seconds=0, images_per_second=0
        )


def test_images_that_grow_are_learnt_and_resumed(data: tuple[Source, Source]) -> None:
    train, test = data
    recipe = dataclasses.replace(RECIPE, start_size=8, grow_epochs=3.0)
    sizes: list[int] = []
    whole = Engine(small(), recipe, Normalization.measured(train), ALONE)
    whole.model.register_forward_pre_hook(
        lambda module, inputs: sizes.append(inputs[0].shape[-1]) if module.training else None
    )
    results = list(whole.run(train, test, lambda _: None))
    assert list(dict.fromkeys(sizes)) == [8, 12, 16]
    assert results[-1].test_accuracy >= 0.9
    first = Engine(small(), recipe, Normalization.measured(train), ALONE)
    next(first.run(train, test, lambda _: None))
    second = Engine(small(), recipe, Normalization.measured(train), ALONE)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert list(second.run(train, test, lambda _: None))[-1].train_loss == results[-1].train_loss


def test_cuda_graphs_need_cuda(data: tuple[Source, Source]) -> None:
    with pytest.raises(UsageError, match="need a CUDA device, not cpu"):
        Engine(small(), RECIPE, Normalization.measured(data[0]), ALONE, captured=True)


def test_a_captured_pass_gives_the_curve_of_a_plain_one(data: tuple[Source, Source]) -> None:
    if not torch.cuda.is_available():
        pytest.skip("not applicable: no CUDA device")
    train, test = data
    assert isinstance(train, Images)
    world = World(torch.device("cuda"))
    recipe = dataclasses.replace(RECIPE, mixup=0.5, ema=0.9, crop_padding=2, flip=True, start_size=8, grow_epochs=2.0)
    curves = []
    for captured in (False, True):
        engine = Engine(small(), recipe, Normalization.measured(train), world, captured=captured)
        near = train.to(world.device)
        curves.append([result.train_loss for result in engine.run(near, test, lambda _: None)])
    assert curves[1] == pytest.approx(curves[0], rel=1e-3)
