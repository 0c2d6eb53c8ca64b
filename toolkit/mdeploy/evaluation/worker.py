# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One process per backend, so that load time and peak memory are its own and no other backend's threads run with it."""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from mdeploy.backends.base import PrepareOptions, Session
from mdeploy.backends.registry import get_backend
from mdeploy.errors import MdeployError, UnavailableError
from mdeploy.formats.artifact import Artifact
from mdeploy.tensors import Array

__all__ = ["Answers", "Loaded", "Worker"]

_WARMUP_RUNS = 3


@dataclass(frozen=True)
class Answers:
    """What a backend said to a batch of images: (n, classes) in the net's own meaning, and seconds for each."""

    outputs: Array
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Loaded:
    """Seconds of loading and of the first run, and the size of the files that were loaded."""

    seconds: float
    model_bytes: int


class Worker:
    """A runtime in a process of its own. A context manager."""

    def __init__(self, name: str, artifact: Path, options: PrepareOptions) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._connection, child = context.Pipe()
        self._process = context.Process(target=_serve, args=(child, name, artifact, options), daemon=False)
        self._process.start()
        child.close()
        try:
            self.loaded: Loaded = self._receive()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def run(self, inputs: Sequence[Array]) -> Answers:
        """Run images one by one."""
        self._send("run", np.stack(inputs))
        answers = self._receive()
        assert isinstance(answers, Answers)
        return answers

    def peak_memory(self) -> int | None:
        """Largest resident set of the process so far, in bytes; None where the system does not say."""
        self._send("memory", None)
        peak: int | None = self._receive()
        return peak

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        """End the process, when its work is done. May be called twice."""
        self._connection.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _send(self, request: str, value: Any) -> None:
        try:
            self._connection.send((request, value))
        except (BrokenPipeError, ConnectionResetError):
            raise self._ended() from None

    def _receive(self) -> Any:
        try:
            kind, value = self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise self._ended() from None
        if kind == "error":
            raise value
        return value

    def _ended(self) -> UnavailableError:
        self._process.join(timeout=5)
        return UnavailableError(f"{self.name}: its process ended (exit code {self._process.exitcode})")


def _serve(connection: Connection, name: str, path: Path, options: PrepareOptions) -> None:
    try:
        artifact = Artifact.open(path, verify=False)  # the parent verified it
        session = get_backend(name).prepare(artifact, options)
        first = [spec.zeros() for spec in artifact.manifest.inputs]
        session.run(first)
        size = sum(path.stat().st_size for path in session.files)
        connection.send(("loaded", Loaded(session.load_seconds + session.last_run_seconds, size)))
        for _ in range(_WARMUP_RUNS):
            session.run(first)
    except MdeployError as error:
        connection.send(("error", error))
        return
    except KeyboardInterrupt:  # the parent says so
        return
    try:
        while True:
            request, batch = connection.recv()
            if request == "memory":
                connection.send(("memory", _peak_memory(session.pid)))
                continue
            connection.send(("answers", _answer(session, batch)))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass
    except MdeployError as error:
        connection.send(("error", error))
    finally:
        session.close()


def _answer(session: Session, batch: Array) -> Answers:
    outputs, seconds = [], []
    for image in batch:
        outputs.append(session.run([image])[0].reshape(-1))
        seconds.append(session.last_run_seconds)
    return Answers(np.stack(outputs), tuple(seconds))


def _peak_memory(pid: int) -> int | None:
    status = Path(f"/proc/{pid}/status")
    if status.is_file():
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.M)
        return int(found[1]) * 1024 if found else None
    if pid == os.getpid() and sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
