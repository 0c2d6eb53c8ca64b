# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Look inside the nets: every tensor, and where asked, the smallest wrong part saved for a bug report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdeploy.backends.base import PrepareOptions
from mdeploy.comparison.bisect import Culprit, find_culprit, save_culprit
from mdeploy.comparison.layers import LayersReport, compare_layers, trace_reference
from mdeploy.comparison.tolerance import Tolerance
from mdeploy.formats.artifact import Artifact
from mdeploy.progress import Tell, quiet

__all__ = ["Inspection", "inspect_layers"]


@dataclass(frozen=True)
class Inspection:
    """All tensors; and with bisecting the smallest wrong part of the first backend that has one, and where it is."""

    layers: LayersReport
    bisected: bool = False
    culprit: Culprit | None = None
    part: Path | None = None

    @property
    def exit_code(self) -> int:
        """That of the comparison."""
        return self.layers.exit_code

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        found = None if self.culprit is None else {**self.culprit.to_json(), "artifact": str(self.part)}
        return {**self.layers.to_json(), "culprit": found}


def inspect_layers(
    artifact: Artifact,
    tolerance: Tolerance,
    names: Sequence[str] | None = None,
    options: PrepareOptions | None = None,
    part: Path | None = None,
    tell: Tell = quiet,
    reference: str | None = None,
) -> Inspection:
    """Compare every tensor with those of the backend ``reference``; with ``part``, cut the smallest wrong sub-network
    out and write it there."""
    options = options or PrepareOptions()
    right = trace_reference(artifact, options, reference, tell)
    report = compare_layers(artifact, tolerance, names, options, tell, right)
    if part is None:
        return Inspection(report)
    for backend in report.backends:
        culprit = find_culprit(artifact, backend, right, tolerance, options, tell)
        if culprit is not None:
            tell(f"writing {part}")
            return Inspection(report, True, culprit, save_culprit(artifact, culprit, right, part).path)
    return Inspection(report, True)
