# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Latency of a checkpoint as users will see it: converted, and run by the native harness."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.deployment.devices import openers
from mdeploy.deployment.devices.base import BenchOptions
from mdeploy.deployment.devices.bench import check_result, run_bench
from mdeploy.errors import InputError, UsageError

__all__ = ["HarnessLatency"]


@dataclass(frozen=True)
class HarnessLatency:
    """Measures on one device. The harness checks parity first, so a net that converts wrongly has no latency."""

    device: str = "local"
    threads: int = 1

    def __post_init__(self) -> None:
        if len(openers(self.device)) != 1:
            raise UsageError(f"--device {self.device}: a sweep measures on one device")

    def __call__(self, checkpoint: Path) -> float:
        """Return the median latency in milliseconds."""
        with tempfile.TemporaryDirectory(prefix="mdeploy-sweep-") as place:
            converted = convert(checkpoint, ConvertOptions(output=Path(place) / "artifact"))
            ((name, opener),) = openers(self.device)
            with opener() as device:
                report = run_bench(converted.artifact, device, BenchOptions(threads=self.threads))
        check_result(report, name)
        if report.latency_ms is None or report.latency_ms.p50 is None:
            raise InputError(f"{name}: the harness reported no latency")
        return report.latency_ms.p50
