# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The training log: one JSON object a line for each epoch, as its reader here sees it. Other members are ignored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mdeploy.errors import InputError
from mdeploy.formats.json_text import parse_json

__all__ = ["Epoch", "TrainingLog"]


@dataclass(frozen=True)
class Epoch:
    """One epoch. ``test_accuracy`` is a share of 1; what the log does not say, or not as it should, is None."""

    epoch: int
    model: str | None = None
    data: str | None = None
    device: str | None = None
    precision: str | None = None
    test_accuracy: float | None = None
    images_per_second: float | None = None


@dataclass(frozen=True)
class TrainingLog:
    """Every epoch of a training, in order; there is at least one."""

    kind: ClassVar[str] = "training"

    epochs: tuple[Epoch, ...]

    @property
    def accuracies(self) -> list[float]:
        """Test accuracies, of the epochs that have one."""
        return [epoch.test_accuracy for epoch in self.epochs if epoch.test_accuracy is not None]

    @classmethod
    def from_text(cls, text: str, where: str) -> TrainingLog:
        """Parse a log. Raises ``InputError`` naming ``where``."""
        lines = [parse_json(line, where) for line in text.splitlines() if line.strip()]
        if not lines or not all(isinstance(line, dict) and type(line.get("epoch")) is int for line in lines):
            raise InputError(f"{where}: not a training log: one JSON object with an epoch per line is expected")
        return cls(tuple(_epoch(line) for line in lines))


def _epoch(line: dict[str, Any]) -> Epoch:
    model, data, device, precision = (_text(line.get(key)) for key in ("model", "data", "device", "precision"))
    accuracy, speed = (_number(line.get(key)) for key in ("test_accuracy", "images_per_second"))
    return Epoch(line["epoch"], model, data, device, precision, accuracy, speed)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return value if type(value) in (int, float) else None
