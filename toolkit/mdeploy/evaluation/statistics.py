# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The figures of an evaluation: shares with their confidence interval, and times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["Share", "Times"]

_Z95 = 1.959963984540054  # of the normal distribution, two-sided 95 %


@dataclass(frozen=True)
class Share:
    """``count`` of ``total``, with Wilson's 95 % interval."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson score interval at 95 %."""
        n, p, z = self.total, self.value, _Z95
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        # At 0 and 1 an end is exact; rounding must not move it past the share itself.
        return min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        low, high = self.interval
        return {"count": self.count, "total": self.total, "value": self.value, "low95": low, "high95": high}


@dataclass(frozen=True)
class Times:
    """Milliseconds per image. As in a report, the standard deviation is the population's and percentiles interpolate
    linearly between the closest ranks."""

    mean_ms: float
    std_ms: float
    min_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """Summarise times in seconds."""
        ms = np.asarray(seconds, np.float64) * 1e3
        p50, p90, p99 = (float(v) for v in np.percentile(ms, (50, 90, 99), method="linear"))
        return cls(float(ms.mean()), float(ms.std()), float(ms.min()), p50, p90, p99, float(ms.max()))

    def to_json(self) -> dict[str, float]:
        """Return plain JSON values."""
        return asdict(self)
