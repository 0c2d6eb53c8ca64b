# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The named configurations, each written out in full. Their arguments are what a checkpoint's JSON may carry."""

from __future__ import annotations

from collections.abc import Sequence

from mdeploy.errors import UsageError
from mdeploy_training.models.resnest import Block, ResNeSt, ResNeStConfig

__all__ = ["resnest50", "resnest50_cifar", "resnest_small"]


def resnest50_cifar(
    block: Block = "basic", classes: int = 10, radix: int = 2, cardinality: int = 1, seed: int = 0
) -> ResNeSt:
    """ResNeSt-50 for 32x32 images, as in Fu and Ge: 16 blocks of either kind.

    With the defaults 23.19 M parameters and 1.161 GMAC at 32x32; with ``block="bottleneck"`` 25.43 M and 1.300 GMAC.
    """
    return ResNeSt(
        ResNeStConfig(
            block=block,
            layers=(3, 4, 6, 3),
            widths=(64, 128, 256, 512),
            strides=(1, 2, 2, 2),
            classes=classes,
            stem="plain",
            stem_width=64,
            stem_stride=1,
            max_pool=False,
            radix=radix,
            cardinality=cardinality,
            bottleneck_width=64,
            avd=False,
            avg_down=False,
            attention_reduction=4,
            attention_minimum=32,
            seed=seed,
        )
    )


def resnest50(
    block: Block = "bottleneck", classes: int = 1000, radix: int = 2, cardinality: int = 1, seed: int = 0
) -> ResNeSt:
    """ResNeSt-50 in the published ImageNet form: with the defaults 27.48 M parameters and 5.37 GMAC at 224x224."""
    return ResNeSt(
        ResNeStConfig(
            block=block,
            layers=(3, 4, 6, 3),
            widths=(64, 128, 256, 512),
            strides=(1, 2, 2, 2),
            classes=classes,
            stem="deep",
            stem_width=32,
            stem_stride=2,
            max_pool=True,
            radix=radix,
            cardinality=cardinality,
            bottleneck_width=64,
            avd=True,
            avg_down=True,
            attention_reduction=4,
            attention_minimum=32,
            seed=seed,
        )
    )


def resnest_small(
    block: Block = "basic",
    classes: int = 10,
    layers: Sequence[int] = (1, 1, 1),
    widths: Sequence[int] = (64, 128, 256),
    strides: Sequence[int] = (2, 2, 2),
    stem_width: int = 32,
    radix: int = 2,
    cardinality: int = 1,
    seed: int = 0,
) -> ResNeSt:
    """A small ResNeSt for small images, for phones and for tests; one value of each sequence per stage."""
    return ResNeSt(
        ResNeStConfig(
            block=block,
            layers=_per_stage("layers", layers),
            widths=_per_stage("widths", widths),
            strides=_per_stage("strides", strides),
            classes=classes,
            stem="plain",
            stem_width=stem_width,
            stem_stride=1,
            max_pool=False,
            radix=radix,
            cardinality=cardinality,
            bottleneck_width=64,
            avd=False,
            avg_down=False,
            attention_reduction=4,
            attention_minimum=32,
            seed=seed,
        )
    )


def _per_stage(name: str, values: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(values, (list, tuple)):
        raise UsageError(f"{name} must be a list with one integer per stage, not {values!r}")
    return tuple(values)
