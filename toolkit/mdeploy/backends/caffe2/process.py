# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The child process that holds real Caffe2, seen from the toolkit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mdeploy.backends import child as child_process
from mdeploy.backends.caffe2.environment import INSTALL_COMMAND, find_python, why_missing
from mdeploy.backends.child.process import REQUEST_TIMEOUT_S, ChildProcess, shorten
from mdeploy.caffe2.pair import NetPair
from mdeploy.errors import InputError, MdeployError, UnavailableError, UnsupportedError
from mdeploy.tensors import Array

__all__ = ["Caffe2Process", "LoadedNet"]

_CHILD = Path(__file__).with_name("child.py")
_PIPE = Path(child_process.__file__).parent


class LoadedNet:
    """A net pair inside the child, behind Caffe2's own Predictor."""

    def __init__(self, process: Caffe2Process, header: Mapping[str, Any]) -> None:
        self._process = process
        self._index = header["predictor"]
        self.inputs: tuple[str, ...] = tuple(header["inputs"])
        self.outputs: tuple[str, ...] = tuple(header["outputs"])
        self.last_run_seconds = 0.0
        """Time of the last run inside the child, without the pipe."""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once; inputs and outputs by position."""
        outputs, (self.last_run_seconds,) = self._request(inputs, 1)
        return outputs

    def time_runs(self, inputs: Sequence[Array], count: int) -> list[float]:
        """Seconds of each of ``count`` runs inside the child, in one request."""
        return self._request(inputs, count)[1]

    def _request(self, inputs: Sequence[Array], count: int) -> tuple[list[Array], list[float]]:
        arrays = [(str(i), array) for i, array in enumerate(inputs)]
        request = {"request": "predict", "predictor": self._index, "count": count}
        header, outputs = self._process.request(request, arrays)
        seconds: list[float] = header["seconds"]
        return list(outputs.values()), seconds


class Caffe2Process(ChildProcess):
    """Starts real Caffe2 and talks to it; see ``ChildProcess``.

    A refused net raises ``InputError``, an operator that Caffe2 does not have ``UnsupportedError``.
    """

    def __init__(self, threads: int = 0, timeout: float = REQUEST_TIMEOUT_S) -> None:
        python = find_python()
        if python is None:
            raise UnavailableError(f"{why_missing()}; set it up with: {INSTALL_COMMAND}")
        environment = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)} if threads else {}
        super().__init__("real Caffe2", [python, "-I", _CHILD, _PIPE, str(threads)], environment, timeout)

    def explain(self, kind: str, message: str) -> MdeployError:
        """What Caffe2 found wrong with a net."""
        if "Cannot create operator of type" in message:
            operator = re.search(r"of type '([^']*)'", message)
            name = operator.group(1) if operator else "?"
            return UnsupportedError(f"real Caffe2 has no operator {name!r} in this form: {shorten(message)}")
        prefix = "" if kind in ("refused", "RuntimeError") else f"{kind}: "
        return InputError(f"real Caffe2 refused the net: {prefix}{shorten(message)}")

    def operators(self) -> list[str]:
        """Names of all operators that this Caffe2 has."""
        header, _ = self.request({"request": "operators"}, [])
        names: list[str] = header["operators"]
        return names

    def load(self, nets: NetPair) -> LoadedNet:
        """Load a pair of nets (binary or text NetDef) into Caffe2's Predictor; its init_net runs once, now."""
        header, _ = self.request({"request": "load"}, _nets(nets))
        return LoadedNet(self, header)

    def run_nets(
        self,
        nets: NetPair,
        inputs: Mapping[str, Array] | Sequence[Array],
        fetch: Sequence[str] | None = None,
    ) -> dict[str, Array]:
        """Run any pair of nets once in a fresh workspace and return blobs by name.

        ``inputs`` go by name, or by position over the external inputs that init_net does not make. ``fetch`` names
        the blobs to return, by default the external outputs in order.
        """
        header = {"request": "run", "positional": not isinstance(inputs, Mapping), "trace": False}
        header["fetch"] = None if fetch is None else list(fetch)
        _, blobs = self.request(header, [*_nets(nets), *_inputs(inputs)])
        return blobs

    def trace_nets(self, nets: NetPair, inputs: Mapping[str, Array] | Sequence[Array]) -> list[tuple[int, str, Array]]:
        """Run operator by operator and return (operator index, blob, value) for every output, in order.

        Values are taken right after their operator, so blobs that are overwritten in place later are seen.
        """
        header = {"request": "run", "positional": not isinstance(inputs, Mapping), "trace": True, "fetch": None}
        _, blobs = self.request(header, [*_nets(nets), *_inputs(inputs)])
        traced = []
        for key, value in blobs.items():
            index, _, name = key.partition(":")
            traced.append((int(index), name, value))
        return traced


def _nets(nets: NetPair) -> list[tuple[str, Array]]:
    files = {"init": nets.init_bytes, "predict": nets.predict_bytes}
    return [(name, np.frombuffer(data, np.uint8)) for name, data in files.items()]


def _inputs(inputs: Mapping[str, Array] | Sequence[Array]) -> list[tuple[str, Array]]:
    items = inputs.items() if isinstance(inputs, Mapping) else ((str(i), array) for i, array in enumerate(inputs))
    return [(f"in:{name}", array) for name, array in items]
