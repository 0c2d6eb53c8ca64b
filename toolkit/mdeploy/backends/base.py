# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The protocol that every runtime is behind: ``prepare(artifact) -> session``, ``session.run(inputs) -> outputs``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mdeploy.tensors import Array

if TYPE_CHECKING:
    from mdeploy.formats.artifact import Artifact

__all__ = ["Availability", "Backend", "NetRunner", "NetRunning", "PrepareOptions", "Session"]


@dataclass(frozen=True)
class Availability:
    """Whether a backend can run here.

    ``reason`` says what is missing and ``install`` the command that brings it; both are empty when available.
    """

    available: bool
    version: str = ""
    reason: str = ""
    install: str = ""

    @property
    def explained(self) -> str:
        """The reason, and the command that brings it."""
        return self.reason + (f"; install it with: {self.install}" if self.install else "")


@dataclass(frozen=True)
class PrepareOptions:
    """What a caller may ask of a session.

    ``threads`` 0 leaves the choice to the backend. ``source`` is the model that was converted, for PyTorch; None looks
    for it beside the artifact and in the current directory.
    """

    threads: int = 0
    source: Path | None = None


@runtime_checkable
class Session(Protocol):
    """A loaded model. Not thread-safe; close it, or use it as a context manager."""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once. Inputs and outputs go by position, with the manifest's shapes and dtypes."""
        ...

    def close(self) -> None:
        """Release files, processes and memory. May be called twice."""
        ...


@runtime_checkable
class Backend(Protocol):
    """One runtime. A file in this package defines one and registers it in ``backends/__init__.py``."""

    name: str
    title: str

    def availability(self) -> Availability:
        """Look, cheaply, whether this backend can run."""
        ...

    def prepare(self, artifact: Artifact, options: PrepareOptions) -> Session:
        """Load the artifact's model.

        Raises ``UnavailableError`` when the backend is not installed, ``InputError`` for a broken artifact and
        ``UnsupportedError`` when the runtime does not have one of its operators.
        """
        ...


class NetRunner(Protocol):
    """Runs Caffe2 net pairs, whole or cut, and shows what is inside. Close it, or use it as a context manager."""

    def run_nets(
        self,
        init_net: bytes,
        predict_net: bytes,
        inputs: Mapping[str, Array],
        fetch: Sequence[str] | None = None,
    ) -> dict[str, Array]:
        """Run a net pair once on inputs by name and return blobs by name: those of ``fetch``, by default every one."""
        ...

    def close(self) -> None:
        """Release processes and memory. May be called twice."""
        ...


@runtime_checkable
class NetRunning(Protocol):
    """What a backend has on top of ``Backend`` when it can run any net pair."""

    def net_runner(self, options: PrepareOptions) -> NetRunner:
        """Return a runner. Raises ``UnavailableError`` when the backend is not installed."""
        ...
