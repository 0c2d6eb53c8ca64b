# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a finished run came to, read from its log: the common ground of figures and tables."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdeploy.errors import InputError
from mdeploy_training.results.log import read_log

__all__ = ["RunResult", "read_results"]


@dataclass(frozen=True)
class RunResult:
    """One run. Accuracies are shares of 1 on the test images, one per epoch."""

    path: Path
    block: str
    """basic or bottleneck; the model's name where it has no blocks."""
    variant: str
    """The model and what of its attention differs from radix 2, cardinality 1."""
    data: str
    transferred: bool
    device: str
    accuracy: tuple[float, ...]
    seconds: tuple[float, ...]

    @property
    def final_accuracy(self) -> float:
        """After the last epoch: picking the best one would fit the test images."""
        return self.accuracy[-1]

    @property
    def seconds_per_epoch(self) -> float:
        """Median over the epochs, which a slow first one does not move."""
        return statistics.median(self.seconds)


def read_results(paths: Sequence[Path]) -> list[RunResult]:
    """Read logs in the given order. Raises ``InputError`` naming the log at fault."""
    return [_result(path, read_log(path)) for path in paths]


def _result(path: Path, lines: list[dict[str, Any]]) -> RunResult:
    try:
        last = lines[-1]
        arguments = last["arguments"]
        variant = [last["model"]]
        for name, usual in (("radix", 2), ("cardinality", 1)):
            if arguments.get(name, usual) != usual:
                variant.append(f"{name} {arguments[name]}")
        return RunResult(
            path=path,
            block=str(arguments.get("block", last["model"])),
            variant=", ".join(variant),
            data=str(last["data"]),
            transferred=bool(last.get("transferred", False)),
            device=str(last["device"]),
            accuracy=tuple(line["test_accuracy"] for line in lines),
            seconds=tuple(float(line["seconds"]) for line in lines),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not the log of a training run: {error} missing or wrong") from error
