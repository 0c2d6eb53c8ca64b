# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A report as a phone sends it, and a real server on a free port, in a thread of the test."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra mdeploy[collect] is not installed")
pytest.importorskip("uvicorn", reason="the extra mdeploy[collect] is not installed")

from mdeploy.reports.collect.app import CollectApp, Limits
from mdeploy.reports.collect.inbox import Inbox, Received
from mdeploy.reports.collect.server import CollectServer, open_socket
from mdeploy.reports.history import History


@dataclass
class Running:
    """A server that runs, and what it was told."""

    port: int
    history: History
    folder: Path
    received: list[Received] = field(default_factory=list)
    refused: list[tuple[int, str, str]] = field(default_factory=list)

    def request(
        self, body: bytes, headers: dict[str, str] | None = None, method: str = "POST", path: str = "/reports"
    ) -> tuple[int, dict[str, Any]]:
        """Send a request; return the status and the answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            given = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else {}

    def raw(self, head: str, *pieces: bytes) -> bytes:
        """Send bytes as they are and return all that comes back until the server closes, or resets."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(head.replace("\n", "\r\n").encode())
                for piece in pieces:
                    connection.sendall(piece)
                while part := connection.recv(65536):
                    answer += part
            return answer

    def nothing_was_kept(self) -> bool:
        """Whether neither the history nor the folder has a report, or a part of one."""
        return not self.history.runs() and not list(self.folder.iterdir())


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start a server: a function of the token and the limits."""
    ends: list[Callable[[], None]] = []

    def start(token: str | None = None, limits: Limits | None = None) -> Running:
        history, folder = History(tmp_path / "history.db"), tmp_path / "reports"
        listener = open_socket("127.0.0.1", 0)
        running = Running(listener.getsockname()[1], history, folder)
        inbox = Inbox(history, folder)
        app = CollectApp(
            inbox, token, limits or Limits(), running.received.append, lambda *facts: running.refused.append(facts)
        )
        server = CollectServer(listener, app)
        thread = threading.Thread(target=server.run_until_stopped)
        thread.start()

        def end() -> None:
            server.stop()
            thread.join()
            listener.close()

        ends.append(end)
        return running

    yield start
    for end in ends:
        end()
