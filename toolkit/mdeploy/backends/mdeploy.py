# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Our own runtime on the artifact's net pair."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdeploy import native
from mdeploy.backends.base import Availability, LocalSession, NetBackend, NetRunner, PrepareOptions
from mdeploy.caffe2.pair import NetPair, blobs_read, fill_shape
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
        self, nets: NetPair, inputs: Mapping[str, Array], fetch: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """Run once and return blobs by name, by default every one that predict_net makes."""
        names = _made(nets.predict) if fetch is None else list(fetch)
        specs = [TensorSpec.of(name, array) for name, array in inputs.items()]
        with (
            native.load_net(nets, specs, keep_blobs=["*"] if fetch is None else names) as net,
            net.session(threads=self._threads) as session,
        ):
            session.run([inputs[spec.name] for spec in net.inputs])
            return {name: session.blob(name) for name in names}

    def close(self) -> None:
        """Nothing is held between runs."""


def _made(predict: Any) -> list[str]:
    return list(dict.fromkeys(name for operator in predict.op for name in operator.output))


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
        return MdeploySession(native.load_net(artifact.nets, artifact.manifest.inputs), options, files, started)

    def net_runner(self, options: PrepareOptions) -> MdeployNetRunner:
        """Return a runner of net pairs of any origin."""
        return MdeployNetRunner(options)


BACKEND = MdeployBackend("mdeploy")


def blob_shapes(nets: NetPair, inputs: Sequence[TensorSpec]) -> dict[str, Shape]:
    """Shapes of every blob of a net pair, seen in one run on zeros.

    Raises ``UnavailableError`` where the native runtime is missing, and what the runtime says about the nets.
    """
    init, predict = nets.init, nets.predict
    computed = {blob for op in init.op if op.input for blob in op.output} & set(blobs_read(predict))
    fetch = list(dict.fromkeys([*_made(predict), *sorted(computed)]))
    with BACKEND.net_runner(PrepareOptions()) as runner:
        blobs = runner.run_nets(nets, {spec.name: spec.zeros() for spec in inputs}, fetch)
    return {
        **{blob: shape for op in init.op for blob in op.output if (shape := fill_shape(op)) is not None},
        **{spec.name: spec.shape for spec in inputs},
        **{name: tuple(array.shape) for name, array in blobs.items()},
    }
