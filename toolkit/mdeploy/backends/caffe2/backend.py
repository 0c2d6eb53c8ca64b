# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Real Caffe2 on the artifact's nets: the judge of whether they are what Caffe2 accepts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mdeploy.backends.base import Availability, NetBackend, NetRunner, PrepareOptions, Session
from mdeploy.backends.caffe2 import Caffe2Process, find_python, why_missing
from mdeploy.backends.caffe2.environment import INSTALL_COMMAND
from mdeploy.caffe2.pair import NetPair
from mdeploy.tensors import Array

if TYPE_CHECKING:
    from mdeploy.formats.artifact import Artifact

__all__ = ["BACKEND", "Caffe2Session"]


class Caffe2Session(Session):
    """A net pair behind Caffe2's Predictor, in a child process of its own."""

    def __init__(self, nets: NetPair, options: PrepareOptions) -> None:
        started = time.perf_counter()
        self._files = nets.files or ()
        self.process = Caffe2Process(threads=options.threads)
        try:
            self._net = self.process.load(nets)
        except BaseException:
            self.process.close()
            raise
        self._load_seconds = time.perf_counter() - started

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once; inputs and outputs by position."""
        return self._net.run(inputs)

    def time_runs(self, inputs: Sequence[Array], count: int) -> list[float]:
        """Seconds of each of ``count`` runs inside the child, in one request."""
        return self._net.time_runs(inputs, count)

    @property
    def load_seconds(self) -> float:
        """Time until the nets were loaded; importing Caffe2 is most of it, so the child's start is in it."""
        return self._load_seconds

    @property
    def last_run_seconds(self) -> float:
        """Time of the last run inside the child, without the pipe."""
        return self._net.last_run_seconds

    @property
    def files(self) -> tuple[Path, ...]:
        """The two nets."""
        return self._files

    @property
    def pid(self) -> int:
        """Process id of the child, where the memory is."""
        return self.process.pid

    def close(self) -> None:
        """End the child."""
        self.process.close()


class Caffe2NetRunner(NetRunner):
    """Any net pair, in one child process."""

    def __init__(self, options: PrepareOptions) -> None:
        self._process = Caffe2Process(threads=options.threads)

    def run_nets(
        self, nets: NetPair, inputs: Mapping[str, Array], fetch: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """Run once and return blobs by name, by default every one; of a blob written twice, the last value."""
        if fetch is not None:
            return self._process.run_nets(nets, inputs, fetch)
        return {name: value for _, name, value in self._process.trace_nets(nets, inputs)}

    def close(self) -> None:
        """End the child."""
        self._process.close()


class Caffe2Backend(NetBackend):
    """See the module."""

    def availability(self) -> Availability:
        """Whether the environment is set up."""
        if find_python() is None:
            return Availability(False, reason=why_missing(), install=INSTALL_COMMAND)
        return Availability(True, "torch 1.10.2")

    def prepare(self, artifact: Artifact, options: PrepareOptions) -> Caffe2Session:
        """Load init_net.pb and predict_net.pb."""
        return Caffe2Session(artifact.nets, options)

    def net_runner(self, options: PrepareOptions) -> Caffe2NetRunner:
        """Start Caffe2 for net pairs of any origin."""
        return Caffe2NetRunner(options)


BACKEND = Caffe2Backend("caffe2")
