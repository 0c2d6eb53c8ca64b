# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What an artifact's golden cases would notice: how many of the weights move an output when they are changed.

A weight is reached when a change by the largest of its tensor moves some output of some case by more than the
tolerance. Where the others are wrong, the golden cases agree all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mdeploy.formats import typed

__all__ = ["ENOUGH", "WEAK", "Coverage", "SilentLayer", "TensorReach"]

ENOUGH = 0.999
"""The share of the weights from which on the golden cases are good witnesses."""

WEAK = 0.8
"""Below this share, passing on the golden cases is not called an agreement."""

_ENOUGH_OF_A_SAMPLE = 0.95
_SEARCHED_IN_VAIN = 0.9  # of the weights: below, nothing that was tried speaks for the rest

_NAMED = 3


@dataclass(frozen=True)
class TensorReach:
    """Of one weight tensor: how many entries were judged, and how many are reached."""

    name: str
    weights: int
    reached: int


@dataclass(frozen=True)
class SilentLayer:
    """Channels of one layer whose activation no golden case, and nothing that was tried, brings above zero."""

    layer: str
    channels: int


@dataclass(frozen=True)
class Coverage:
    """``method`` is gradients (every weight, to first order) or changes (a sample of the weights, really changed)."""

    method: str
    tolerance: float
    tensors: tuple[TensorReach, ...]
    changed: int = 0
    """Weights that were drawn at random among the reached ones and really changed."""
    noticed: int = 0
    """Those of them that moved an output by more than the tolerance."""
    silent: tuple[SilentLayer, ...] = ()
    searched: bool = False
    """Whether the search for inputs that reach the rest came to its own end, rather than to that of its budget."""

    @property
    def weights(self) -> int:
        """How many were judged."""
        return sum(tensor.weights for tensor in self.tensors)

    @property
    def reached(self) -> int:
        """How many of them are reached."""
        return sum(tensor.reached for tensor in self.tensors)

    @property
    def share(self) -> float:
        """Reached of all, 0 to 1."""
        return self.reached / self.weights if self.weights else 1.0

    @property
    def enough(self) -> bool:
        """Whether agreement on the golden cases speaks for the whole net: nearly every weight is reached, or all but
        what a search to its end did not reach either."""
        if self.method != "gradients":
            return self.share >= _ENOUGH_OF_A_SAMPLE
        return self.share >= (_SEARCHED_IN_VAIN if self.searched else ENOUGH)

    @property
    def weak(self) -> bool:
        """Whether the golden cases hardly test the net."""
        return self.share < WEAK

    def describe(self) -> str:
        """One line for people, such as ``golden cases reach 99.97 % of the weights; 12 channels of fc1 never fire``."""
        if self.method == "gradients":
            told = f"golden cases reach {_percent(self.share)} of the weights"
            if self.noticed < self.changed:
                told += f", to first order: of {self.changed} of these that were changed, {self.noticed} were noticed"
        else:
            told = f"golden cases notice {self.reached} of {self.weights} weights that were drawn and changed"
        if self.silent:
            worst = sorted(self.silent, key=lambda item: -item.channels)
            named = ", ".join(f"{item.channels} channels of {item.layer}" for item in worst[:_NAMED])
            more = sum(item.channels for item in worst[_NAMED:])
            told += f"; {named}{f' and {more} of other layers' if more else ''} never fire"
        return told

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Coverage:
        """From a manifest's validated member."""
        return typed.from_json(cls, data)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        data: dict[str, Any] = typed.to_json(self)
        return data


def _percent(share: float) -> str:
    """Two digits, never rounded up to all of them."""
    return "100 %" if share == 1.0 else f"{int(share * 10000) / 100:.2f} %"
