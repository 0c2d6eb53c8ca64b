# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Split-attention convolution (Zhang et al., "ResNeSt: Split-Attention Networks", section 3.1).

Submodule names (``conv``, ``bn0``, ``fc1``, ``bn1``, ``fc2``) are those of the published code, so that published
weights fit by name.
"""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["SplitAttentionConv"]


class SplitAttentionConv(nn.Module):
    """A grouped convolution into ``radix`` splits, which channel attention then weighs and sums.

    With C = ``out_channels``, R = ``radix`` and K = ``cardinality``, the convolution has R*K groups and makes R*C
    channels, split-major: split r holds channels [r*C, (r+1)*C). The sum of the splits, pooled to one value a channel,
    goes through two 1x1 convolutions with K groups; their R*C outputs are cardinal-group-major, (K, R, C/K), and are
    normalised over R by softmax (by sigmoid where R is 1).

    Only channel slices and reshapes with constant sizes occur in :meth:`forward`, so that both ONNX exporters give a
    graph without shape arithmetic.

    Args:
        in_channels, out_channels: channels of the input (N, in, H, W) and of the output (N, out, H', W').
        stride: of the 3x3 convolution; the padding is 1.
        attention_width: channels between the two attention convolutions.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, radix: int, cardinality: int, attention_width: int
    ) -> None:
        super().__init__()
        self.radix, self.cardinality, self.out_channels = radix, cardinality, out_channels
        splits = radix * out_channels
        self.conv = nn.Conv2d(in_channels, splits, 3, stride=stride, padding=1, groups=radix * cardinality, bias=False)
        self.bn0 = nn.BatchNorm2d(splits)
        self.fc1 = nn.Conv2d(out_channels, attention_width, 1, groups=cardinality)
        self.bn1 = nn.BatchNorm2d(attention_width)
        self.fc2 = nn.Conv2d(attention_width, splits, 1, groups=cardinality)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn0(self.conv(x)))
        splits = self._split(x) if self.radix > 1 else (x,)
        pooled = F.adaptive_avg_pool2d(reduce(add, splits), 1)
        attention = self.fc2(F.relu(self.bn1(self.fc1(pooled))))
        if self.radix == 1:
            return x * torch.sigmoid(attention)
        weights = self._split(self._over_splits(attention))
        weighted: Tensor = reduce(add, (split * weight for split, weight in zip(splits, weights, strict=True)))
        return weighted

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        # By size: by number (chunk), the TorchScript exporter computes the size in the graph.
        parts: tuple[Tensor, ...] = x.split(self.out_channels, dim=1)  # type: ignore[no-untyped-call]
        return parts

    def _over_splits(self, attention: Tensor) -> Tensor:
        """Softmax over the splits: (N, K*R*C/K, 1, 1), group-major -> (N, R*C, 1, 1), split-major."""
        grouped = attention.reshape(-1, self.cardinality, self.radix, self.out_channels // self.cardinality)
        return grouped.transpose(1, 2).softmax(dim=1).reshape(-1, self.radix * self.out_channels, 1, 1)
