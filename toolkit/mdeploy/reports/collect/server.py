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
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from mdeploy.errors import InputError
from mdeploy.reports.collect.app import CollectApp

__all__ = ["CollectServer", "open_socket"]

_MAX_CONNECTIONS = 32
_HEAD_SECONDS = 10.0
_SLOW_SECONDS = 5.0
_MIN_SPEED = 500.0  # bytes a second
_GRACE_SECONDS = 5


class _Connection(H11Protocol):
    """uvicorn waits for ever for a request to begin, and takes any number of connections: here neither.

    Whoever drips a byte at a time keeps no place: while a request is still on its way, it must come at some speed, and
    where all places are taken, a new connection gets that of the slowest.
    """

    _since = 0.0
    _bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) > _MAX_CONNECTIONS and not self._take_a_place():
            transport.abort()
            return
        self.loop.call_later(_HEAD_SECONDS, self._end_silent)
        self.loop.call_later(_SLOW_SECONDS, self._end_slow)

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        super().data_received(data)

    def _take_a_place(self) -> bool:
        others = [one for one in self.connections if isinstance(one, _Connection) and one is not self]
        coming = [one for one in others if one._is_coming and not one.transport.is_closing()]
        if len(others) - len(coming) >= _MAX_CONNECTIONS or not coming:
            return False
        min(coming, key=lambda one: (one._speed, one._since)).transport.abort()
        return True

    @property
    def _is_coming(self) -> bool:
        """Whether a part of the request is still missing."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is None or (cycle.more_body and not cycle.response_complete)

    @property
    def _speed(self) -> float:
        return self._bytes / max(self.loop.time() - self._since, 0.01)

    def _end_slow(self) -> None:
        if self.transport.is_closing() or not self._is_coming:
            return
        if self._speed < _MIN_SPEED:
            self.transport.abort()
        else:
            self.loop.call_later(_SLOW_SECONDS, self._end_slow)

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
