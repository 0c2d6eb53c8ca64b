# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Untrained nets that are good witnesses: outputs that depend on the input, activations at unit scale.

A freshly initialised net hardly looks at its input, so it would pass a parity check that a broken conversion should
fail. Here its normalisation statistics come from images, and its scales and shifts are spread.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["calibrate", "smooth_images"]


def calibrate(model: nn.Module, shape: Sequence[int], seed: int = 0) -> nn.Module:
    """Set the batch-norm statistics from one training-mode pass over random smooth images; return it in eval mode.

    Args:
        model: changed in place.
        shape: of one input, [1, C, H, W].
        seed: the same seed gives the same net.
    """
    generator = torch.Generator().manual_seed(seed)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    with torch.no_grad():
        for norm in norms:
            norm.momentum = 1.0  # the running statistics become those of the one pass
            norm.weight.uniform_(0.5, 1.0, generator=generator)
            norm.bias.normal_(0.0, 0.1, generator=generator)
        model.train()
        model(smooth_images(8 if shape[-1] > 64 else 16, shape, generator))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            assert norm.running_var is not None
            # Channels that hardly vary over these images would blow up whatever else comes in: with a floor of 0.05
            # float32 itself leaves double by 1e-5 on a plain image, with 0.15 by 2e-7, as a trained net does.
            norm.running_var.clamp_(min=0.15)
    return model.eval()


def smooth_images(count: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Return (count, C, H, W) float32: a colour each, and noise at three scales of contrast 0 (plain) to 1.5."""
    channels, height, width = shape[1:]

    def noise(rows: int, columns: int) -> Tensor:
        return torch.randn((count, channels, rows, columns), generator=generator)

    texture = 0.5 * noise(height, width)
    for scale in (4, 16):
        coarse = noise(max(1, height // scale), max(1, width // scale))
        texture = texture + 0.6 * F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    contrast = torch.linspace(0.0, 1.5, count).view(-1, 1, 1, 1)
    return noise(1, 1) + contrast * texture
