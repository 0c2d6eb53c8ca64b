# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The named configurations: sizes as published, structure as described, equal weights for equal seeds."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import onnx
import pytest
import torch
from torch import nn

from mdeploy.errors import UsageError
from mdeploy_training.models import ResNeSt, resnest50, resnest50_cifar, resnest_small


def macs(model: nn.Module, size: int) -> int:
    """Count multiply-accumulates of one forward pass by hooks on convolutions and linear layers."""
    total = 0

    def count(module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, (nn.Conv2d, nn.Linear))
        total += output.numel() * module.weight[0].numel()

    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(count)
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, size, size))
    return total


@pytest.mark.parametrize(
    ("factory", "size", "classes", "millions", "giga"),
    [
        (lambda: resnest50_cifar(block="basic"), 32, 10, 23.19, 1.161),
        (lambda: resnest50_cifar(block="bottleneck"), 32, 10, 25.43, 1.300),
        (resnest50, 224, 1000, 27.48, 5.37),
    ],
)
def test_published_sizes(factory: Callable[[], ResNeSt], size: int, classes: int, millions: float, giga: float) -> None:
    model = factory()
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions
    digits = len(str(giga).split(".")[1])
    assert round(macs(model, size) / 1e9, max(digits, 2)) == giga
    assert model.fc.out_features == classes


def test_small_fits_the_bundle() -> None:
    model = resnest_small()
    assert 4 * sum(t.numel() for t in model.state_dict().values()) < 6_000_000
    assert macs(model, 32) < 60e6


@pytest.mark.parametrize(
    "arguments",
    [
        {"block": "basic"},
        {"block": "bottleneck"},
        {"radix": 1},
        {"radix": 4, "cardinality": 2, "widths": [32, 64, 128]},
        {"block": "bottleneck", "radix": 1, "cardinality": 2},
        {"layers": [2, 1], "widths": [16, 24], "strides": [1, 2], "classes": 3},
    ],
)
def test_output_is_log_probabilities_and_gradients_flow(arguments: dict[str, Any]) -> None:
    model = resnest_small(**arguments)
    output = model.train()(torch.randn(5, 3, 32, 32))
    assert output.shape == (5, arguments.get("classes", 10))
    torch.testing.assert_close(output.exp().sum(1), torch.ones(5))
    torch.nn.functional.nll_loss(output, torch.tensor([0, 1, 2, 0, 1])).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without
    silent = [name for name, p in model.named_parameters() if p.ndim > 1 and not p.grad.abs().max() > 0]
    assert not silent


def test_equal_seeds_give_equal_weights_whatever_torch_drew_before() -> None:
    torch.manual_seed(1)
    one = resnest_small(seed=3).state_dict()
    torch.manual_seed(2)
    two = resnest_small(seed=3).state_dict()
    other = resnest_small(seed=4).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["fc.weight"], other["fc.weight"])


def test_initial_weights_follow_he_over_fan_out() -> None:
    model = resnest50_cifar()
    weight = model.get_submodule("layer4.0.conv2.conv").weight
    assert weight.std().item() == pytest.approx((2 / (9 * 1024)) ** 0.5, rel=0.02)
    assert weight.mean().item() == pytest.approx(0, abs=1e-4)


def test_names_are_those_of_published_weights() -> None:
    names = resnest50().state_dict().keys()
    for name in (
        "conv1.0.weight",
        "conv1.6.weight",
        "bn1.running_var",
        "layer1.0.downsample.1.weight",
        "layer2.0.conv2.conv.weight",
        "layer2.0.conv2.bn0.bias",
        "layer2.0.conv2.fc1.bias",
        "layer4.2.conv2.bn1.weight",
        "layer4.2.conv2.fc2.weight",
        "layer4.2.bn3.num_batches_tracked",
        "fc.weight",
    ):
        assert name in names
    assert not [name for name in names if name.startswith("layer1.1.downsample")]


def test_where_the_stride_sits() -> None:
    plain = resnest50_cifar(block="bottleneck").get_submodule("layer2.0")
    assert plain.get_submodule("conv1").stride == (1, 1)
    assert plain.get_submodule("conv2.conv").stride == (2, 2)
    assert plain.get_submodule("downsample.0").stride == (2, 2)
    basic = resnest50_cifar(block="basic").get_submodule("layer2.0")
    assert basic.get_submodule("conv1").stride == (2, 2)
    assert basic.get_submodule("conv2.conv").stride == (1, 1)
    published = resnest50().get_submodule("layer2.0")
    assert published.get_submodule("conv2.conv").stride == (1, 1)
    assert published.get_submodule("avd_layer").stride == 2
    assert published.get_submodule("downsample.0").stride == 2


def test_odd_images_keep_block_and_shortcut_in_step() -> None:
    for block in ("basic", "bottleneck"):
        assert resnest50(block=block, classes=5).eval()(torch.zeros(1, 3, 75, 101)).shape == (1, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block": "wide"}, "block must be one of basic, bottleneck"),
        ({"radix": 0}, "radix"),
        ({"radix": 3}, "does not divide"),
        ({"classes": 0}, "classes"),
        ({"classes": "ten"}, "classes"),
        ({"layers": [1, 1]}, "one value per stage"),
        ({"layers": []}, "one value per stage"),
        ({"layers": [1, 0, 1]}, "at least 1"),
        ({"layers": [1, 10**9, 1]}, "blocks"),
        ({"layers": 3}, "layers"),
        ({"widths": ["a", 1, 2]}, "widths"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resnest_small(**arguments)


@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("arguments", [{}, {"radix": 1}, {"radix": 4, "cardinality": 2}])
def test_exports_without_shape_arithmetic(dynamo: bool, arguments: dict[str, Any]) -> None:
    model = resnest_small(**arguments).eval()
    buffer = io.BytesIO()
    x = torch.randn(1, 3, 32, 32)
    if dynamo:
        program = torch.onnx.export(model, (x,), dynamo=True, verbose=False)
        assert program is not None
        program.save(buffer)
    else:
        torch.onnx.export(model, (x,), buffer, dynamo=False)
    graph = onnx.load_from_string(buffer.getvalue()).graph
    operators = {node.op_type for node in graph.node}
    assert not operators & {"Shape", "Gather", "Range", "If", "Loop", "Where", "Expand", "ConstantOfShape"}
