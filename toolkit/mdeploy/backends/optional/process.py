# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""An extra's process, seen from the toolkit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mdeploy
from mdeploy.backends.child.process import ChildProcess, shorten
from mdeploy.backends.optional.engine import Engine, NetSpec
from mdeploy.backends.optional.environment import Home
from mdeploy.errors import InputError, MdeployError, UnavailableError, UnsupportedError
from mdeploy.tensors import Array

__all__ = ["ExtraProcess", "ExtraSession"]

_PROGRAM = Path(__file__).with_name("serve.py")
_MAKE_TIMEOUT_S = 3600.0  # litert-torch takes minutes for a large net
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class ExtraProcess(ChildProcess):
    """Starts an extra; see ``ChildProcess``."""

    def __init__(self, engine: Engine, home: Home, threads: int = 0) -> None:
        folder = Path(mdeploy.__file__).parent
        environment = dict.fromkeys(_THREADS, str(threads)) if threads else {}
        # Some runtimes greet, warn and phone home; their words would only be shown if they die.
        environment |= {"PYTHONWARNINGS": "ignore", "OPENVINO_TELEMETRY_DISABLE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        super().__init__(engine.title, [home.python, _PROGRAM, str(folder), engine.name], environment)

    def explain(self, kind: str, message: str) -> MdeployError:
        """What the extra found wrong."""
        if kind in ("UnsupportedError", "NotImplementedError"):
            return UnsupportedError(f"{self._title}: {shorten(message)}")
        if kind in ("ImportError", "ModuleNotFoundError"):
            return UnavailableError(f"{self._title} does not start: {shorten(message)}")
        if kind in ("InputError", "refused"):
            return InputError(f"{self._title}: {shorten(message)}")
        return InputError(f"{self._title}: {kind}: {shorten(message)}")

    def make(self, model: Path, folder: Path, spec: NetSpec) -> None:
        """Write the runtime's files into ``folder``."""
        header = {"request": "make", "model": str(model), "folder": str(folder), "spec": spec.to_json()}
        self.request(header, [], timeout=_MAKE_TIMEOUT_S)


class ExtraSession:
    """A model loaded by an extra."""

    def __init__(self, engine: Engine, home: Home, folder: Path, spec: NetSpec, threads: int) -> None:
        self._process = ExtraProcess(engine, home, threads)
        self._spec = spec
        self._title = engine.title
        self.last_run_seconds = 0.0
        """Time of the last run inside the process, without the pipe."""
        try:
            header = {"request": "load", "folder": str(folder), "spec": spec.to_json(), "threads": threads}
            answer, _ = self._process.request(header, [])
        except BaseException:
            self.close()
            raise
        self.load_seconds: float = answer["seconds"]
        """Time of importing the runtime and loading the model inside the process."""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once; inputs and outputs by position."""
        if len(inputs) != len(self._spec.inputs):
            raise InputError(f"{self._title}: {len(self._spec.inputs)} inputs expected, {len(inputs)} given")
        for info, array in zip(self._spec.inputs, inputs, strict=True):
            if tuple(array.shape) != info.shape:
                raise InputError(
                    f"{self._title}: input {info.name} takes {list(info.shape)}, {list(array.shape)} given"
                )
        arrays = [(str(i), array) for i, array in enumerate(inputs)]
        header, outputs = self._process.request({"request": "predict"}, arrays)
        self.last_run_seconds = header["seconds"]
        return list(outputs.values())

    @property
    def pid(self) -> int:
        """Process id, where the memory is."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._process.close()
