# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Calibrated nets have activations at unit scale and notice what a broken conversion would change."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mdeploy_training.models import resnest_small
from mdeploy_training.models.calibration import calibrate, smooth_images

SHAPE = (1, 3, 32, 32)


def test_normalised_activations_have_unit_scale() -> None:
    model = calibrate(resnest_small(), SHAPE, seed=2)
    scales: list[float] = []
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _m, _i, output: scales.append(output.std().item()))
    with torch.no_grad():
        model(smooth_images(16, SHAPE, torch.Generator().manual_seed(3)))
    assert all(0.3 < scale < 3 for scale in scales)


def test_same_seed_same_net_and_momentum_is_kept() -> None:
    one, two = calibrate(resnest_small(), SHAPE, 1), calibrate(resnest_small(), SHAPE, 1)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    assert not one.training
    assert {module.momentum for module in one.modules() if isinstance(module, nn.BatchNorm2d)} == {0.1}


def test_plain_inputs_are_in_range() -> None:
    model = calibrate(resnest_small(), SHAPE)
    with torch.no_grad():
        output = model(torch.stack([torch.zeros(SHAPE[1:]), torch.ones(SHAPE[1:])]))
    assert output.min() > -30


def test_one_dropped_relu_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    model = calibrate(resnest_small(), SHAPE)
    image = smooth_images(2, SHAPE, torch.Generator().manual_seed(4))
    relu, calls = F.relu, 0
    with torch.no_grad():
        expected = model(image)
        for dropped in range(1 + 3 * 4):  # the stem, and four in each of three blocks

            def relu_but_one(x: torch.Tensor, dropped: int = dropped) -> torch.Tensor:
                nonlocal calls
                calls += 1
                return x if calls == dropped + 1 else relu(x)

            calls = 0
            with monkeypatch.context() as patch:
                patch.setattr(F, "relu", relu_but_one)
                changed = model(image)
            assert calls == 1 + 3 * 4
            assert (changed - expected).abs().max() > 1e-3, dropped


def test_a_shifted_pad_shows() -> None:
    model = calibrate(resnest_small(), SHAPE)
    image = smooth_images(2, SHAPE, torch.Generator().manual_seed(4))
    with torch.no_grad():
        expected = model(image)
        for name, module in model.named_modules():
            if isinstance(module, nn.Conv2d) and module.padding == (1, 1):
                module.padding = (0, 0)
                handle = module.register_forward_pre_hook(lambda _m, inputs: F.pad(inputs[0], (0, 2, 0, 2)))
                assert (model(image) - expected).abs().max() > 1e-3, name
                handle.remove()
                module.padding = (1, 1)
