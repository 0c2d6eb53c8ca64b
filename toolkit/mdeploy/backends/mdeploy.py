# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Our own runtime on the artifact's net pair."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdeploy import native
from mdeploy.backends.base import Availability, LocalSession, NetBackend, NetRunner, PrepareOptions
from mdeploy.caffe2.pair import blobs_read, fill_shape
from mdeploy.errors import UnavailableError
from mdeploy.tensors import Array, Shape, TensorSpec

if TYPE_CHECKING:
    from mdeploy.formats.artifact import Artifact

__all__ = ["BACKEND", "MdeploySession", "blob_shapes"]


class MdeploySession(LocalSession):
    """A net pair on the runtime."""

    def __init__(self, net: native.NativeNet, options: PrepareOptions, files: Sequence[Path], started: float) -> None:
        self._net = net
        self._session = net.session(threads=options.threads)
        super().__init__(files, started)

    def _compute(self, inputs: Sequence[Array]) -> list[Array]:
        return self._session.run(inputs)

    def close(self) -> None:
        """Free the session and the net."""
        self._session.close()
        self._net.close()


class MdeployNetRunner(NetRunner):
    """Any net pair, loaded anew for each run with its blobs kept."""

    def __init__(self, options: PrepareOptions) -> None:
        self._threads = options.threads

    def run_nets(
        self, init_net: bytes, predict_net: bytes, inputs: Mapping[str, Array], fetch: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """Run once and return blobs by name, by default every one that predict_net makes."""
        names = _made(predict_net) if fetch is None else list(fetch)
        specs = [TensorSpec.of(name, array) for name, array in inputs.items()]
        with (
            native.load_net(init_net, predict_net, specs, keep_blobs=["*"] if fetch is None else names) as net,
            net.session(threads=self._threads) as session,
        ):
            session.run([inputs[spec.name] for spec in net.inputs])
            return {name: session.blob(name) for name in names}

    def close(self) -> None:
        """Nothing is held between runs."""


def _made(predict_net: bytes) -> list[str]:
    from mdeploy.caffe2.messages import NetDef

    return list(dict.fromkeys(name for operator in NetDef.FromString(predict_net).op for name in operator.output))


class MdeployBackend(NetBackend):
    """See the module."""

    def availability(self) -> Availability:
        """Built and loadable, or not."""
        try:
            return Availability(True, f"{native.version()} ({native.best_isa()})")
        except UnavailableError as error:
            return Availability(False, reason=str(error), install="pip install --force-reinstall mdeploy")

    def prepare(self, artifact: Artifact, options: PrepareOptions) -> MdeploySession:
        """Load init_net.pb and predict_net.pb for the manifest's input shapes."""
        started = time.perf_counter()
        files = (artifact.init_net, artifact.predict_net)
        return MdeploySession(native.load_net(*files, artifact.manifest.inputs), options, files, started)

    def net_runner(self, options: PrepareOptions) -> MdeployNetRunner:
        """Return a runner of net pairs of any origin."""
        return MdeployNetRunner(options)


BACKEND = MdeployBackend("mdeploy")


def blob_shapes(init: Any, predict: Any, inputs: Mapping[str, tuple[Shape, str]]) -> dict[str, Shape]:
    """Shapes of every blob of a net pair, seen in one run on zeros; ``inputs`` are shapes and dtypes.

    Raises ``UnavailableError`` where the native runtime is missing, and what the runtime says about the nets.
    """
    made = [blob for op in predict.op for blob in op.output]
    computed = {blob for op in init.op if op.input for blob in op.output} & set(blobs_read(predict))
    feeds = {name: np.zeros(shape, dtype) for name, (shape, dtype) in inputs.items()}
    fetch = list(dict.fromkeys([*made, *sorted(computed)]))
    runner = BACKEND.net_runner(PrepareOptions())
    blobs = runner.run_nets(init.SerializeToString(), predict.SerializeToString(), feeds, fetch)
    return {
        **{blob: shape for op in init.op for blob in op.output if (shape := fill_shape(op)) is not None},
        **{name: shape for name, (shape, _) in inputs.items()},
        **{name: tuple(array.shape) for name, array in blobs.items()},
    }
