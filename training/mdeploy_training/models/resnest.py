# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ResNeSt: a residual network of split-attention blocks, in the bottleneck form and in the basic form.

The basic form (3x3, then a split-attention 3x3 whose output goes to the shortcut directly) is that of Fu and Ge,
"Optimization and Deployment Analysis of Split-Attention Network (ResNeSt)", section 3.2.2.
Module names follow the published ResNeSt code, so that published weights fit by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mdeploy.errors import UsageError
from mdeploy_training.models.split_attention import SplitAttentionConv

__all__ = ["Block", "ResNeSt", "ResNeStConfig", "Stem"]

Block = Literal["basic", "bottleneck"]
Stem = Literal["plain", "deep"]

_MAX_BLOCKS = 1000


@dataclass(frozen=True, kw_only=True)
class ResNeStConfig:
    """Everything that decides the network; the named configurations write each field out."""

    block: Block
    layers: tuple[int, ...]
    """Blocks in each stage."""
    widths: tuple[int, ...]
    """Width of each stage: its output channels (basic), or a quarter of them (bottleneck)."""
    strides: tuple[int, ...]
    """Stride of each stage's first block."""
    classes: int
    stem: Stem
    """plain: one 3x3 convolution to ``stem_width``. deep: 3x3 to ``stem_width``, 3x3, 3x3 to twice ``stem_width``."""
    stem_width: int
    stem_stride: int
    """Stride of the stem's first convolution."""
    max_pool: bool
    """Whether a 3x3 stride 2 max-pool follows the stem."""
    radix: int
    cardinality: int
    bottleneck_width: int
    """Channels of the bottleneck's inside at stage width 64 and cardinality 1 (64 keeps the stage's width)."""
    avd: bool
    """Whether the stride of a block sits in a 3x3 average pool after its (bottleneck) or before its (basic)
    split attention, instead of in its first 3x3 convolution."""
    avg_down: bool
    """Whether the shortcut strides by an average pool before its 1x1 convolution, instead of in it."""
    attention_reduction: int
    """The attention's width is max(channels * radix / attention_reduction, attention_minimum)."""
    attention_minimum: int
    seed: int
    """Of the initial weights: equal configurations start from equal weights."""

    def __post_init__(self) -> None:
        if self.block not in get_args(Block):
            raise UsageError(f"block must be one of {', '.join(get_args(Block))}, not {self.block!r}")
        if self.stem not in get_args(Stem):
            raise UsageError(f"stem must be one of {', '.join(get_args(Stem))}, not {self.stem!r}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "seed" and field.type in ("int", "tuple[int, ...]") and not _is_positive(value):
                raise UsageError(f"{field.name} must be made of integers of at least 1, not {value!r}")
        if not len(self.layers) == len(self.widths) == len(self.strides) > 0:
            raise UsageError(
                f"layers {self.layers}, widths {self.widths} and strides {self.strides} must have one value per stage"
            )
        if sum(self.layers) > _MAX_BLOCKS:
            raise UsageError(f"layers {self.layers} are more than {_MAX_BLOCKS} blocks")
        for width in self.widths:
            inner = self.inner_width(width)
            if inner % (self.radix * self.cardinality) or self.attention_width(inner) % self.cardinality:
                raise UsageError(
                    f"stage width {width} gives {inner} channels inside a block, which radix {self.radix} times "
                    f"cardinality {self.cardinality} does not divide"
                )

    @property
    def expansion(self) -> int:
        """Output channels of a block over its stage's width."""
        return 4 if self.block == "bottleneck" else 1

    def inner_width(self, width: int) -> int:
        """Channels that the split attention of a block sees in a stage of this width."""
        if self.block == "basic":
            return width
        return width * self.bottleneck_width // 64 * self.cardinality

    def attention_width(self, channels: int) -> int:
        """Channels between the two attention convolutions over this many channels."""
        return max(channels * self.radix // self.attention_reduction, self.attention_minimum)


def _is_positive(value: object) -> bool:
    items = value if isinstance(value, tuple) else (value,)
    return all(type(item) is int and item >= 1 for item in items)


class _SplitAttentionBlock(nn.Module):
    """What both kinds of block share: the split attention, where the stride sits, and the shortcut."""

    def __init__(self, config: ResNeStConfig, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        inner = config.inner_width(width)
        self.avd_layer = nn.AvgPool2d(3, stride, padding=1) if config.avd and stride > 1 else None
        self.conv_stride = 1 if self.avd_layer is not None else stride
        # Stride in the first 3x3: in a bottleneck that is the split attention, in a basic block the plain one.
        self.conv2 = SplitAttentionConv(
            inner,
            inner,
            stride=self.conv_stride if config.block == "bottleneck" else 1,
            radix=config.radix,
            cardinality=config.cardinality,
            attention_width=config.attention_width(inner),
        )
        out_channels = width * config.expansion
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = _shortcut(config, in_channels, out_channels, stride)

    def shortcut(self, x: Tensor) -> Tensor:
        return x if self.downsample is None else self.downsample(x)


class BottleneckBlock(_SplitAttentionBlock):
    """1x1 down, split-attention 3x3, 1x1 up to four times the width; the stride is in the 3x3 or in ``avd``."""

    def __init__(self, config: ResNeStConfig, in_channels: int, width: int, stride: int) -> None:
        super().__init__(config, in_channels, width, stride)
        inner, out_channels = config.inner_width(width), width * config.expansion
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.bn1(self.conv1(x))))
        if self.avd_layer is not None:
            y = self.avd_layer(y)
        return F.relu(self.bn3(self.conv3(y)) + self.shortcut(x))


class BasicBlock(_SplitAttentionBlock):
    """3x3, split-attention 3x3; the attention's output goes to the shortcut directly, as in SE-Net."""

    def __init__(self, config: ResNeStConfig, in_channels: int, width: int, stride: int) -> None:
        super().__init__(config, in_channels, width, stride)
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=self.conv_stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        if self.avd_layer is not None:
            y = self.avd_layer(y)
        return F.relu(self.conv2(y) + self.shortcut(x))


class ResNeSt(nn.Module):
    """The network: (N, 3, H, W) float32 images -> (N, classes) log-probabilities."""

    def __init__(self, config: ResNeStConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1, channels = _stem(config)
        self.bn1 = nn.BatchNorm2d(channels)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if config.max_pool else nn.Identity()
        block = BottleneckBlock if config.block == "bottleneck" else BasicBlock
        stages: list[nn.Sequential] = []
        for layers, width, stage_stride in zip(config.layers, config.widths, config.strides, strict=True):
            blocks: list[nn.Module] = []
            for index in range(layers):
                blocks.append(block(config, channels, width, stage_stride if index == 0 else 1))
                channels = width * config.expansion
            stages.append(nn.Sequential(*blocks))
        for number, stage in enumerate(stages, start=1):
            self.add_module(f"layer{number}", stage)
        self.fc = nn.Linear(channels, config.classes)
        _initialize(self, config.seed)

    @property
    def stages(self) -> list[nn.Module]:
        """The stages in order, which are named layer1, layer2, ..."""
        return [self.get_submodule(f"layer{number + 1}") for number in range(len(self.config.layers))]

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        for stage in self.stages:
            x = stage(x)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return F.log_softmax(self.fc(x), dim=1)


def _stem(config: ResNeStConfig) -> tuple[nn.Module, int]:
    """Return the stem without its last normalisation, and its output channels."""
    width, stride = config.stem_width, config.stem_stride
    if config.stem == "plain":
        return nn.Conv2d(3, width, 3, stride=stride, padding=1, bias=False), width
    layers = [
        nn.Conv2d(3, width, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1, bias=False),
    ]
    return nn.Sequential(*layers), 2 * width


def _shortcut(config: ResNeStConfig, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """1x1 convolution and normalisation; with avg_down an average pool (or nothing) stands before them."""
    if not config.avg_down:
        conv = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(out_channels))
    pool = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
    return nn.Sequential(pool, nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels))


def _initialize(model: nn.Module, seed: int) -> None:
    """He initialisation over fan-out for convolutions, as published; the same weights for the same seed.

    Convolutions: normal with standard deviation sqrt(2 / (kernel area * output channels)), biases 0.
    Normalisation: scale 1, shift 0. Linear: uniform in +-1/sqrt(inputs), weights and biases.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                module.weight.normal_(0.0, math.sqrt(2.0 / fan_out), generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            elif isinstance(module, nn.Linear):
                bound = 1.0 / math.sqrt(module.in_features)
                module.weight.uniform_(-bound, bound, generator=generator)
                module.bias.uniform_(-bound, bound, generator=generator)
