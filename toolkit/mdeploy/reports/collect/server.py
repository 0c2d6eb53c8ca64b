# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The server around the application: uvicorn on one socket, its connections bounded in number and in time."""

from __future__ import annotations

import asyncio
import signal
import socket
from types import FrameType
from typing import cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mdeploy.errors import InputError
from mdeploy.reports.collect.app import CollectApp

__all__ = ["CollectServer", "open_socket"]

_MAX_CONNECTIONS = 32
_HEAD_SECONDS = 10.0
_GRACE_SECONDS = 5


class _Connection(H11Protocol):
    """uvicorn waits for ever for a request to begin, and takes any number of connections: here neither."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > _MAX_CONNECTIONS:
            transport.abort()
            return
        self.loop.call_later(_HEAD_SECONDS, self._end_silent)

    def _end_silent(self) -> None:
        begun = cast("object | None", self.cycle)  # None until a request's head is here, whatever its annotation says
        if begun is None and not self.transport.is_closing():
            self.transport.abort()


def open_socket(host: str, port: int) -> socket.socket:
    """Listen; port 0 takes a free one. Raises ``InputError`` where that cannot be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=64)
    except (OSError, UnicodeError) as error:
        raise InputError(f"cannot listen on {host} port {port}: {getattr(error, 'strerror', None) or error}") from error


class CollectServer(uvicorn.Server):
    """The application on a listening socket. Ends by a signal as by ``stop``: a server has no other end, so it is no
    failure."""

    def __init__(self, listener: socket.socket, app: CollectApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,  # an address that a client claims counts for nothing
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._listener = listener

    def run_until_stopped(self) -> None:
        """Serve until ``stop``, SIGINT or SIGTERM, then finish what has begun. For the main thread."""
        asyncio.run(self.serve(sockets=[self._listener]))

    def stop(self) -> None:
        """Take no more connections and end when the requests that have begun are answered."""
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Take a signal. uvicorn would raise it again at the end."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
