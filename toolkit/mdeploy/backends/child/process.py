# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The toolkit's end: starts a runtime's process, talks to it, and says why it died."""

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
from typing import IO, Any

from mdeploy.backends.child import wire
from mdeploy.errors import InputError, MdeployError, UnavailableError
from mdeploy.tensors import Array

__all__ = ["REQUEST_TIMEOUT_S", "START_TIMEOUT_S", "ChildProcess", "shorten"]

START_TIMEOUT_S = 300.0  # importing torch from a cold disk on a busy machine
REQUEST_TIMEOUT_S = 600.0


class ChildProcess:
    """A program that answers requests (``serve.py``). A context manager; usable from several threads, one at a time.

    A child that dies (some runtimes' checks abort the process) raises ``InputError``, one that does not answer in time
    ``UnavailableError``; the object is then closed. What the child itself raises goes through ``explain``.
    """

    def __init__(
        self,
        title: str,
        command: Sequence[str | os.PathLike[str]],
        environment: Mapping[str, str],
        timeout: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self._title = title
        self._timeout = timeout
        self._lock = threading.Lock()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **environment},
            start_new_session=True,  # Ctrl-C is ours: the child is ended by close()
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdin.fileno(), False)
        os.set_blocking(self._child.stdout.fileno(), False)
        self._finalizer = weakref.finalize(self, _end, self._child, self._log)
        try:
            header, _ = self.request({"request": "hello"}, [], timeout=START_TIMEOUT_S)
        except InputError as error:  # no model is to blame here
            raise UnavailableError(f"{title} does not start in {command[0]}: {error}") from None
        except BaseException:
            self.close()
            raise
        self.versions: dict[str, str] = header["versions"]

    def __enter__(self) -> Any:
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

    def explain(self, kind: str, message: str) -> MdeployError:
        """The error for what the child raised: the name of its class, or ``refused``, and its words."""
        return InputError(f"{self._title}: {'' if kind == 'refused' else kind + ': '}{shorten(message)}")

    def request(
        self, header: Mapping[str, Any], arrays: Sequence[tuple[str, Array]], timeout: float | None = None
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Send one request and return its answer. An error in the child is raised here."""
        limit = self._timeout if timeout is None else timeout
        deadline = time.monotonic() + limit
        with self._lock:
            if not self._finalizer.alive:
                raise UnavailableError(f"{self._title} is no longer running")
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
                raise UnavailableError(f"{self._title} did not answer within {limit:g} s; it was ended") from None
            except wire.WireError as error:
                self.close()
                raise UnavailableError(f"{self._title}'s answer is not readable: {error}") from None
            except BaseException:  # Ctrl-C in the middle of a frame: nothing after it would be in step
                self.close()
                raise
        if "error" in answer:
            raise self.explain(answer["kind"], answer["error"])
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
        return f"{self._title} ended by itself ({how})" + (f": {shorten(telling[-1])}" if telling else "")


def shorten(message: str) -> str:
    """One line of at most 400 characters, without Caffe2's source position, advice and operator dump."""
    text = " ".join(message.split())
    text = re.sub(r"^\[enforce fail at [^\]]*\] ?(op)?\.? ?", "", text)
    text = re.split(r"\(no backtrace available\)| Verify that implementation| Error from operator:|frame #0", text)[0]
    return text[:400].strip()


def _wait(descriptor: int, event: int, deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise TimeoutError


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
