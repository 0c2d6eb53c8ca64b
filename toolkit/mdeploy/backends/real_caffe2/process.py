# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The child process that holds real Caffe2, seen from the toolkit."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from mdeploy.backends.base import Array
from mdeploy.backends.real_caffe2 import wire
from mdeploy.backends.real_caffe2.environment import INSTALL_COMMAND, find_python, why_missing
from mdeploy.errors import InputError, MdeployError, UnavailableError, UnsupportedError

__all__ = ["Caffe2Process", "LoadedNet"]

START_TIMEOUT_S = 300.0  # importing torch 1.10.2 from a cold disk on a busy machine
REQUEST_TIMEOUT_S = 600.0
_CHILD = Path(__file__).with_name("child.py")
_WIRE = Path(__file__).with_name("wire.py")


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
        arrays = [(str(i), array) for i, array in enumerate(inputs)]
        header, outputs = self._process.request({"request": "predict", "predictor": self._index}, arrays)
        self.last_run_seconds = header["seconds"]
        return list(outputs.values())


class Caffe2Process:
    """Starts real Caffe2 and talks to it. A context manager; usable from several threads, one request at a time.

    A refused net raises ``InputError``, an operator that Caffe2 does not have ``UnsupportedError``. A child that dies
    (some Caffe2 checks abort the process) or does not answer raises too; the object is then closed.
    """

    def __init__(self, threads: int = 0, timeout: float = REQUEST_TIMEOUT_S) -> None:
        python = find_python()
        if python is None:
            raise UnavailableError(f"{why_missing()}; set it up with: {INSTALL_COMMAND}")
        self._timeout = timeout
        self._lock = threading.Lock()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        if threads:
            environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self._child = subprocess.Popen(
            [python, "-I", _CHILD, _WIRE, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            start_new_session=True,  # Ctrl-C is ours: the child is ended by close()
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdin.fileno(), False)
        os.set_blocking(self._child.stdout.fileno(), False)
        self._finalizer = weakref.finalize(self, _end, self._child, self._log)
        try:
            header, _ = self.request({"request": "hello"}, [], timeout=START_TIMEOUT_S)
        except InputError as error:  # no net is to blame here
            raise UnavailableError(f"real Caffe2 does not start in {python}: {error}") from None
        except BaseException:
            self.close()
            raise
        self.versions: dict[str, str] = header["versions"]

    def __enter__(self) -> Caffe2Process:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child. May be called twice."""
        self._finalizer()

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._child.pid

    def operators(self) -> list[str]:
        """Names of all operators that this Caffe2 has."""
        header, _ = self.request({"request": "operators"}, [])
        names: list[str] = header["operators"]
        return names

    def load(self, init_net: bytes, predict_net: bytes) -> LoadedNet:
        """Load a pair of nets (binary or text NetDef) into Caffe2's Predictor; its init_net runs once, now."""
        header, _ = self.request({"request": "load"}, _nets(init_net, predict_net))
        return LoadedNet(self, header)

    def run_nets(
        self,
        init_net: bytes,
        predict_net: bytes,
        inputs: Mapping[str, Array] | Sequence[Array],
        fetch: Sequence[str] | None = None,
    ) -> dict[str, Array]:
        """Run any pair of nets once in a fresh workspace and return blobs by name.

        ``inputs`` go by name, or by position over the external inputs that init_net does not make. ``fetch`` names
        the blobs to return, by default the external outputs in order.
        """
        header = {"request": "run", "positional": not isinstance(inputs, Mapping), "trace": False}
        header["fetch"] = None if fetch is None else list(fetch)
        _, blobs = self.request(header, [*_nets(init_net, predict_net), *_inputs(inputs)])
        return blobs

    def trace_nets(
        self, init_net: bytes, predict_net: bytes, inputs: Mapping[str, Array] | Sequence[Array]
    ) -> list[tuple[int, str, Array]]:
        """Run operator by operator and return (operator index, blob, value) for every output, in order.

        Values are taken right after their operator, so blobs that are overwritten in place later are seen.
        """
        header = {"request": "run", "positional": not isinstance(inputs, Mapping), "trace": True, "fetch": None}
        _, blobs = self.request(header, [*_nets(init_net, predict_net), *_inputs(inputs)])
        traced = []
        for key, value in blobs.items():
            index, _, name = key.partition(":")
            traced.append((int(index), name, value))
        return traced

    def request(
        self, header: Mapping[str, Any], arrays: Sequence[tuple[str, Array]], timeout: float | None = None
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Send one request and return its answer. An error in the child is raised here."""
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        with self._lock:
            if not self._finalizer.alive:
                raise UnavailableError("real Caffe2 is no longer running")
            try:
                self._send(wire.pack(header, arrays), deadline)
                size, payload, crc = wire.read_prefix(self._receive(wire.PREFIX_SIZE, deadline))
                answer, outputs = wire.unpack(self._receive(size, deadline), self._receive(payload, deadline), crc)
            except (EOFError, BrokenPipeError):
                message = self._describe_death()
                self.close()
                raise InputError(message) from None
            except TimeoutError:
                self.close()
                raise UnavailableError(f"real Caffe2 did not answer within {self._timeout:g} s; it was ended") from None
            except wire.WireError as error:
                self.close()
                raise UnavailableError(f"real Caffe2's answer is not readable: {error}") from None
            except BaseException:  # Ctrl-C in the middle of a frame: nothing after it would be in step
                self.close()
                raise
        if "error" in answer:
            raise _explain(answer["kind"], answer["error"])
        return answer, outputs

    def _send(self, parts: Sequence[bytes], deadline: float) -> None:
        assert self._child.stdin is not None
        descriptor = self._child.stdin.fileno()
        for part in parts:
            view = memoryview(part)
            while view:
                _wait(descriptor, selectors.EVENT_WRITE, deadline)
                with contextlib.suppress(BlockingIOError):
                    view = view[os.write(descriptor, view) :]

    def _receive(self, size: int, deadline: float) -> bytes:
        assert self._child.stdout is not None
        descriptor = self._child.stdout.fileno()
        data = bytearray()
        while len(data) < size:
            _wait(descriptor, selectors.EVENT_READ, deadline)
            with contextlib.suppress(BlockingIOError):
                part = os.read(descriptor, min(size - len(data), 1 << 20))
                if not part:
                    raise EOFError
                data += part
        return bytes(data)

    def _describe_death(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=10)
        code = self._child.returncode
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if re.search(r"Check failed|Error|F\d{4} |what\(\)", line)] or lines[-1:]
        return f"real Caffe2 ended by itself ({how})" + (f": {_shorten(telling[-1])}" if telling else "")


def _nets(init_net: bytes, predict_net: bytes) -> list[tuple[str, Array]]:
    return [("init", np.frombuffer(init_net, np.uint8)), ("predict", np.frombuffer(predict_net, np.uint8))]


def _inputs(inputs: Mapping[str, Array] | Sequence[Array]) -> list[tuple[str, Array]]:
    items = inputs.items() if isinstance(inputs, Mapping) else ((str(i), array) for i, array in enumerate(inputs))
    return [(f"in:{name}", array) for name, array in items]


def _wait(descriptor: int, event: int, deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise TimeoutError


def _explain(kind: str, message: str) -> MdeployError:
    if "Cannot create operator of type" in message:
        operator = re.search(r"of type '([^']*)'", message)
        name = operator.group(1) if operator else "?"
        return UnsupportedError(f"real Caffe2 has no operator {name!r} in this form: {_shorten(message)}")
    prefix = "" if kind in ("refused", "RuntimeError") else f"{kind}: "
    return InputError(f"real Caffe2 refused the net: {prefix}{_shorten(message)}")


def _shorten(message: str) -> str:
    """One line without Caffe2's source position, advice and operator dump."""
    text = " ".join(message.split())
    text = re.sub(r"^\[enforce fail at [^\]]*\] ?(op)?\.? ?", "", text)
    text = re.split(r"\(no backtrace available\)| Verify that implementation| Error from operator:|frame #0", text)[0]
    return text[:400].strip()


def _end(child: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    try:
        child.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    log.close()
