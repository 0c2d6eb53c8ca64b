# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What every backend gives: ``prepare(artifact) -> session``, ``session.run(inputs) -> outputs``, times, memory, files.

Nothing of it is optional: a session that leaves something out cannot be made.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mdeploy.backends.table import info_of
from mdeploy.tensors import Array

if TYPE_CHECKING:
    from typing_extensions import Self

    from mdeploy.caffe2.pair import NetPair
    from mdeploy.formats.artifact import Artifact

__all__ = ["Availability", "Backend", "LocalSession", "NetBackend", "NetRunner", "PrepareOptions", "Session"]


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
    model: str | None = None
    """FILE_OR_MODULE:FACTORY of the module, for PyTorch on bare weights. This runs its code."""
    model_arguments: Mapping[str, Any] | None = None
    """Of the factory; None takes those that the manifest recorded."""
    made_only: bool = False
    """Leave a backend out whose files would have to be made first, which can take a minute."""


class _Closing(ABC):
    """A context manager that closes."""

    @abstractmethod
    def close(self) -> None:
        """Release files, processes and memory. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Session(_Closing):
    """A loaded model. Not thread-safe; close it, or use it as a context manager."""

    @abstractmethod
    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once. Inputs and outputs go by position, with the manifest's shapes and dtypes."""

    @abstractmethod
    def time_runs(self, inputs: Sequence[Array], count: int) -> list[float]:
        """Run so many times, one right after the other, and return the seconds of each; outputs are dropped."""

    @property
    @abstractmethod
    def load_seconds(self) -> float:
        """Time of importing the runtime and loading the model; making the model's files is not part of it."""

    @property
    @abstractmethod
    def last_run_seconds(self) -> float:
        """Time of the last ``run`` inside the runtime's process, without the pipe to it; 0 before the first."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """The process that holds the model and its memory."""

    @property
    @abstractmethod
    def files(self) -> tuple[Path, ...]:
        """The files that the model was loaded from."""


class LocalSession(Session):
    """A session in this process. It times itself: subclasses only compute.

    ``started`` is ``time.perf_counter()`` of when ``prepare`` began.
    """

    def __init__(self, files: Sequence[Path], started: float) -> None:
        self._files = tuple(files)
        self._load_seconds = time.perf_counter() - started
        self._last_run_seconds = 0.0

    @abstractmethod
    def _compute(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once; inputs and outputs by position."""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once; inputs and outputs by position."""
        start = time.perf_counter()
        outputs = self._compute(inputs)
        self._last_run_seconds = time.perf_counter() - start
        return outputs

    def time_runs(self, inputs: Sequence[Array], count: int) -> list[float]:
        """Seconds of each of ``count`` runs."""
        seconds = []
        for _ in range(count):
            self.run(inputs)
            seconds.append(self._last_run_seconds)
        return seconds

    @property
    def load_seconds(self) -> float:
        """Time of ``prepare``."""
        return self._load_seconds

    @property
    def last_run_seconds(self) -> float:
        """Time of the last run."""
        return self._last_run_seconds

    @property
    def pid(self) -> int:
        """This process."""
        return os.getpid()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the model was loaded from."""
        return self._files


class Backend(ABC):
    """One runtime. Name, title and packages are those of its row in ``table.py``."""

    def __init__(self, name: str) -> None:
        self.info = info_of(name)

    @property
    def name(self) -> str:
        """What ``--backends`` calls it."""
        return self.info.name

    @property
    def title(self) -> str:
        """What people call it."""
        return self.info.title

    @abstractmethod
    def availability(self) -> Availability:
        """Look, cheaply, whether this backend can run."""

    @abstractmethod
    def prepare(self, artifact: Artifact, options: PrepareOptions) -> Session:
        """Load the artifact's model.

        Raises ``UnavailableError`` when the backend is not installed, ``InputError`` for a broken artifact and
        ``UnsupportedError`` when the runtime does not have one of its operators.
        """


class NetRunner(_Closing):
    """Runs Caffe2 net pairs, whole or cut, and shows what is inside. Close it, or use it as a context manager."""

    @abstractmethod
    def run_nets(
        self,
        nets: NetPair,
        inputs: Mapping[str, Array],
        fetch: Sequence[str] | None = None,
    ) -> dict[str, Array]:
        """Run a net pair once on inputs by name and return blobs by name: those of ``fetch``, by default every one."""


class NetBackend(Backend):
    """A backend that can run any net pair."""

    @abstractmethod
    def net_runner(self, options: PrepareOptions) -> NetRunner:
        """Return a runner. Raises ``UnavailableError`` when the backend is not installed."""
