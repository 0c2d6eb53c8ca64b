# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Weights under the names that wrappers give them, and what is said where they do not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mdeploy.errors import InputError
from mdeploy.models.fit import fill


def net(seed: int = 0, classes: int = 2, channels: int = 3) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, classes))


def wrapped(kind: str) -> dict[str, torch.Tensor]:
    module = net(1)
    if kind == "DataParallel":
        return nn.DataParallel(module).state_dict()
    if kind == "compile":
        return dict(torch.compile(module).state_dict())
    if kind == "compile(DataParallel)":
        return dict(torch.compile(nn.DataParallel(module)).state_dict())
    if kind == "DataParallel(compile)":
        return nn.DataParallel(torch.compile(module)).state_dict()  # type: ignore[arg-type]
    if kind == "AveragedModel":
        return torch.optim.swa_utils.AveragedModel(module).state_dict()
    if kind == "AveragedModel(DataParallel)":
        return torch.optim.swa_utils.AveragedModel(nn.DataParallel(module)).state_dict()
    if kind == "a part compiled":
        module[0] = torch.compile(module[0])  # type: ignore[assignment]
        return module.state_dict()
    prefix = {"Lightning": "model.", "net": "net.", "Lightning of net": "model.net."}[kind]
    return {prefix + name: tensor for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize(
    "kind",
    [
        "DataParallel",
        "compile",
        "compile(DataParallel)",
        "DataParallel(compile)",
        "AveragedModel",
        "AveragedModel(DataParallel)",
        "a part compiled",
        "Lightning",
        "net",
        "Lightning of net",
    ],
)
def test_prefixes_are_stripped_and_said(kind: str) -> None:
    module = net(0)
    messages = fill(module, wrapped(kind), "w.pth", "net.py:make")
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(module.parameters(), net(1).parameters(), strict=True))
    assert len(messages) == 1
    assert "prefix" in messages[0]


def test_nothing_is_said_where_names_fit() -> None:
    assert fill(net(0), net(1).state_dict(), "w.pth", "net.py:make") == ()


def test_a_prefix_that_belongs_to_the_module_stays() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = net()

    module, other = Outer(), Outer()
    nn.init.ones_(other.model[3].weight)
    assert fill(module, other.state_dict(), "w.pth", "x") == ()
    assert torch.equal(module.model[3].weight, other.model[3].weight)


def test_what_stands_beside_the_model_is_left_out_and_said() -> None:
    weights = {**wrapped("Lightning"), "loss.weight": torch.ones(2)}
    messages = fill(net(0), weights, "w.ckpt", "x")
    assert "left out" in messages[1]
    assert "loss.weight" in messages[1]


def test_files_of_before_batches_were_counted() -> None:
    old = {name: tensor for name, tensor in wrapped("DataParallel").items() if "num_batches" not in name}
    assert "prefix module." in fill(net(0), old, "w.pth", "x")[0]


def test_another_number_of_classes() -> None:
    with pytest.raises(InputError) as caught:
        fill(net(classes=2), net(classes=10).state_dict(), "w.pth", "net.py:make")
    text = str(caught.value)
    assert text.startswith("w.pth: does not fit the module of net.py:make: 2 of another shape (3.weight [10, 4] for [2")
    assert "--model-arg num_classes=10" in text


def test_other_channels() -> None:
    with pytest.raises(InputError, match="the file's model takes 1 channels"):
        fill(net(), net(channels=1).state_dict(), "w.pth", "x")


def test_missing_and_unexpected_names_with_the_nearest() -> None:
    weights = {("head.weight" if name == "3.weight" else name): t for name, t in net().state_dict().items()}
    with pytest.raises(InputError) as caught:
        fill(nn.Sequential(*net(), nn.Linear(2, 2)), weights, "w.pth", "x")
    text = str(caught.value)
    assert "3 missing (3.weight, is it head.weight?, 4.weight, 4.bias)" in text
    assert "1 unexpected (head.weight)" in text


def test_a_part_of_the_model() -> None:
    with pytest.raises(InputError, match=r"2 unexpected \(3\.weight, 3\.bias\); the module lacks a part"):
        fill(net()[:3], net().state_dict(), "w.pth", "x")
    with pytest.raises(InputError, match=r"2 missing \(3\.weight, 3\.bias\); the file holds a part"):
        fill(net(), net()[:3].state_dict(), "w.pth", "x")
