# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Split attention against the paper's formulas, written out group by group."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mdeploy_training.models import SplitAttentionConv


def randomised(module: SplitAttentionConv) -> SplitAttentionConv:
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0)
        elif tensor.is_floating_point():
            tensor.normal_(0.0, 0.5)
    return module.eval()


def norm(x: Tensor, state: dict[str, Tensor], prefix: str, channels: slice) -> Tensor:
    """Batch normalisation in eval mode, of the given channels, by its definition."""
    mean, var, weight, bias = (
        state[f"{prefix}.{part}"][channels].view(1, -1, *[1] * (x.ndim - 2))
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def reference(module: SplitAttentionConv, x: Tensor, stride: int) -> Tensor:
    """Equations 1 and 2 of the ResNeSt paper, one cardinal group and one split at a time."""
    state = module.state_dict()
    radix, cardinality, width = module.radix, module.cardinality, module.out_channels // module.cardinality
    features: dict[tuple[int, int], Tensor] = {}
    inputs = x.shape[1] // (radix * cardinality)
    for r in range(radix):
        for k in range(cardinality):
            group = r * cardinality + k
            rows = slice(group * width, (group + 1) * width)
            part = x[:, group * inputs : (group + 1) * inputs]
            y = F.conv2d(part, state["conv.weight"][rows], stride=stride, padding=1)
            features[r, k] = norm(y, state, "bn0", rows).clamp(min=0)
    outputs = []
    hidden = state["fc1.weight"].shape[0] // cardinality
    for k in range(cardinality):
        pooled = sum(features[r, k] for r in range(radix)).mean(dim=(2, 3))  # type: ignore[union-attr]
        rows = slice(k * hidden, (k + 1) * hidden)
        z = torch.einsum("ni,oi->no", pooled, state["fc1.weight"][rows, :, 0, 0]) + state["fc1.bias"][rows]
        z = norm(z, state, "bn1", rows).clamp(min=0)
        rows = slice(k * radix * width, (k + 1) * radix * width)
        logits = torch.einsum("ni,oi->no", z, state["fc2.weight"][rows, :, 0, 0]) + state["fc2.bias"][rows]
        logits = logits.view(-1, radix, width)
        weights = logits.exp() / logits.exp().sum(1, keepdim=True) if radix > 1 else 1 / (1 + (-logits).exp())
        stacked = torch.stack([features[r, k] for r in range(radix)], dim=1)
        outputs.append(torch.einsum("nrc,nrchw->nchw", weights, stacked))
    return torch.cat(outputs, dim=1)


@pytest.mark.parametrize("radix", [1, 2, 3, 4])
@pytest.mark.parametrize("cardinality", [1, 2])
@pytest.mark.parametrize(("stride", "height", "width"), [(1, 7, 5), (2, 8, 9)])
def test_agrees_with_the_formulas(radix: int, cardinality: int, stride: int, height: int, width: int) -> None:
    torch.manual_seed(radix * 10 + cardinality)
    channels = 12 * radix * cardinality
    module = randomised(
        SplitAttentionConv(
            channels, 2 * channels, stride=stride, radix=radix, cardinality=cardinality, attention_width=8
        )
    ).double()
    x = torch.randn(3, channels, height, width, dtype=torch.float64)
    y = module(x)
    assert y.shape == (3, 2 * channels, -(-height // stride), -(-width // stride))
    torch.testing.assert_close(y, reference(module, x, stride), rtol=1e-10, atol=1e-10)


def test_gradients_reach_every_parameter() -> None:
    module = SplitAttentionConv(8, 8, stride=1, radix=2, cardinality=1, attention_width=32)
    module(torch.randn(4, 8, 6, 6)).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        # A shift before a normalisation cannot change its output.
        assert name == "fc1.bias" or parameter.grad.abs().max() > 0, name
