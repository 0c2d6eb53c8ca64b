# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""An optional backend's process, seen from the toolkit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mdeploy
from mdeploy.backends.base import Session
from mdeploy.backends.child.process import ChildProcess, shorten
from mdeploy.backends.optional.environment import Home
from mdeploy.backends.optional.module import NetSpec
from mdeploy.backends.table import BackendInfo
from mdeploy.errors import InputError, MdeployError, UnavailableError, UnsupportedError
from mdeploy.tensors import Array

__all__ = ["OptionalProcess", "OptionalSession"]

_PROGRAM = Path(__file__).with_name("serve.py")
_MAKE_TIMEOUT_S = 3600.0  # litert-torch takes minutes for a large net
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class OptionalProcess(ChildProcess):
    """Starts one; see ``ChildProcess``."""

    def __init__(self, info: BackendInfo, home: Home, threads: int = 0) -> None:
        folder = Path(mdeploy.__file__).parent
        environment = dict.fromkeys(_THREADS, str(threads)) if threads else {}
        # Some runtimes greet, warn and phone home; their words would only be shown if they die.
        environment |= {"PYTHONWARNINGS": "ignore", "OPENVINO_TELEMETRY_DISABLE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        super().__init__(info.title, [home.python, _PROGRAM, str(folder), info.name], environment)

    def explain(self, kind: str, message: str) -> MdeployError:
        """What the runtime found wrong."""
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


class OptionalSession(Session):
    """A model loaded by an optional backend."""

    def __init__(self, info: BackendInfo, home: Home, folder: Path, spec: NetSpec, threads: int) -> None:
        self._process = OptionalProcess(info, home, threads)
        self._spec = spec
        self._title = info.title
        self._files = tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
        self._last_run_seconds = 0.0
        try:
            header = {"request": "load", "folder": str(folder), "spec": spec.to_json(), "threads": threads}
            answer, _ = self._process.request(header, [])
        except BaseException:
            self.close()
            raise
        self._load_seconds: float = answer["seconds"]

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once; inputs and outputs by position."""
        outputs, (self._last_run_seconds,) = self._request(inputs, 1)
        return outputs

    def time_runs(self, inputs: Sequence[Array], count: int) -> list[float]:
        """Seconds of each of ``count`` runs inside the process, in one request."""
        return self._request(inputs, count)[1]

    def _request(self, inputs: Sequence[Array], count: int) -> tuple[list[Array], list[float]]:
        if len(inputs) != len(self._spec.inputs):
            raise InputError(f"{self._title}: {len(self._spec.inputs)} inputs expected, {len(inputs)} given")
        for info, array in zip(self._spec.inputs, inputs, strict=True):
            if tuple(array.shape) != info.shape:
                raise InputError(
                    f"{self._title}: input {info.name} takes {list(info.shape)}, {list(array.shape)} given"
                )
        arrays = [(str(i), array) for i, array in enumerate(inputs)]
        header, outputs = self._process.request({"request": "predict", "count": count}, arrays)
        seconds: list[float] = header["seconds"]
        return list(outputs.values()), seconds

    @property
    def load_seconds(self) -> float:
        """Time of importing the runtime and loading the model inside the process."""
        return self._load_seconds

    @property
    def last_run_seconds(self) -> float:
        """Time of the last run inside the process, without the pipe."""
        return self._last_run_seconds

    @property
    def files(self) -> tuple[Path, ...]:
        """The backend's own files."""
        return self._files

    @property
    def pid(self) -> int:
        """The runtime's process."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._process.close()
