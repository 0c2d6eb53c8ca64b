# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a parity check is asked for, as one object from the command line down to the search for the wrong subgraph."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mdeploy.backends.lineup import Lineup
from mdeploy.comparison.tolerance import Tolerance
from mdeploy.errors import UsageError

__all__ = ["ParityRequest"]


@dataclass(frozen=True)
class ParityRequest(Lineup):
    """An artifact, the backends that are compared, and the rule."""

    tolerance: Tolerance = field(default_factory=Tolerance)
    reference: str | None = None
    """The backend whose intermediate tensors are the reference; None takes model.onnx on onnxruntime, unoptimised."""
    subgraph: Path | None = None
    """Where the smallest wrong subgraph goes; None looks for none."""

    def check(self) -> None:
        """Raise ``UsageError`` where the tolerance names an output that the artifact does not have."""
        names = [spec.name for spec in self.artifact.manifest.outputs]
        for name, _ in self.tolerance.outputs:
            if name not in names:
                raise UsageError(f"--tol {name}=...: the outputs of {self.artifact.name} are {', '.join(names)}")
