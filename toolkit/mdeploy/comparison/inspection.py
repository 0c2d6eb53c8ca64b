# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Look inside the nets: every tensor, and where asked, the smallest wrong subgraph saved for a bug report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdeploy.comparison.bisect import Culprit, find_culprit, save_culprit
from mdeploy.comparison.layers import LayersReport, compare_layers, trace_reference
from mdeploy.comparison.request import ParityRequest

__all__ = ["Inspection", "inspect_layers"]


@dataclass(frozen=True)
class Inspection:
    """All tensors; with bisecting also the smallest wrong subgraph of the first backend that has one, and its place."""

    layers: LayersReport
    bisected: bool = False
    culprit: Culprit | None = None
    subgraph: Path | None = None

    @property
    def exit_code(self) -> int:
        """That of the comparison."""
        return self.layers.exit_code

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        found = None if self.culprit is None else {**self.culprit.to_json(), "artifact": str(self.subgraph)}
        return {**self.layers.to_json(), "culprit": found}


def inspect_layers(request: ParityRequest) -> Inspection:
    """Compare every tensor with those of the reference; where the request names a place for it, cut the smallest wrong
    subgraph out and write it there."""
    right = trace_reference(request)
    report = compare_layers(request, right)
    place = request.subgraph
    if place is None:
        return Inspection(report)
    for backend in report.backends:
        culprit = find_culprit(request, backend, right)
        if culprit is not None:
            request.tell(f"writing {place}")
            return Inspection(report, True, culprit, save_culprit(request.artifact, culprit, right, place).path)
    return Inspection(report, True)
