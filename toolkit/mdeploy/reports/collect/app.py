# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The one thing that the server does, as an ASGI application: POST /reports.

====  ======================================================================
201   kept; the body is {"run": N, "sha256": ...}
400   not a report: the body says which key is at fault
401   no token, or not the right one
403   a request for another host: a web page that reaches for this machine
404   another path
405   another method
408   the body came too slowly
413   the body is too long, by what is declared or by what came
415   not application/json, or compressed
429   too many requests from this address; Retry-After says when to come again
507   this side cannot keep it
====  ======================================================================
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from mdeploy.errors import InputError
from mdeploy.reports.collect.inbox import Inbox, Received, StorageError
from mdeploy.reports.collect.limits import RateLimit

__all__ = ["PATH", "CollectApp", "Limits", "is_loopback"]

PATH = "/reports"

_LONG_BYTES = 1 << 20
_DRAIN_BYTES = 4 << 20
_DRAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Limits:
    """What one client may take."""

    max_bytes: int = 32 << 20
    per_minute: int = 120
    idle_seconds: float = 15.0
    """Between two pieces of a body."""
    body_seconds: float = 120.0
    """For a whole body."""


class _Refused(Exception):  # noqa: N818 - an answer, not a fault
    def __init__(self, status: int, error: str, **headers: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class CollectApp:
    """Takes reports into an inbox.

    With ``token`` None anyone who reaches the server may send, and only requests for this machine's own names are
    taken: without that a web page could reach the server through its reader's browser (DNS rebinding).
    ``on_report`` and ``on_refusal`` (status, reason, address) are told on the event loop's thread.
    """

    def __init__(
        self,
        inbox: Inbox,
        token: str | None,
        limits: Limits,
        on_report: Callable[[Received], None],
        on_refusal: Callable[[int, str, str], None],
    ) -> None:
        self._inbox = inbox
        self._token = None if token is None else token.encode()
        self._limits = limits
        self._rate = RateLimit(limits.per_minute)
        # Checking a long report takes seconds of one core: one at a time, and short ones need not wait for it.
        self._long = asyncio.Semaphore(1)
        self._on_report = on_report
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        client = request.client.host if request.client else "unknown"
        try:
            received = await self._take(request, client)
            response = JSONResponse({"run": received.run, "sha256": received.sha256}, 201)
            self._on_report(received)
        except _Refused as refused:
            self._on_refusal(refused.status, refused.error, client)
            if refused.status not in (408, 413, 429):
                await _drain(request)
            response = JSONResponse({"error": refused.error}, refused.status, refused.headers)
        except ClientDisconnect:
            self._on_refusal(0, "went away before the whole report was here", client)
            return
        # One report a connection: whatever a refused client still sends is not read.
        response.headers["connection"] = "close"
        await response(scope, receive, send)

    async def _take(self, request: Request, client: str) -> Received:
        wait = self._rate.wait_seconds(client)
        if wait:
            raise _Refused(429, f"too many requests; come again in {wait} s", retry_after=str(wait))
        self._admit(request)
        if request.scope["path"] != PATH:
            raise _Refused(404, f"reports are posted to {PATH}")
        if request.method != "POST":
            raise _Refused(405, "reports are posted", allow="POST")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise _Refused(415, "a report is application/json")
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise _Refused(415, "a compressed body is not taken")
        try:
            body = await asyncio.wait_for(self._body(request), self._limits.body_seconds)
        except (asyncio.TimeoutError, TimeoutError):  # two classes until Python 3.11
            raise _Refused(408, "the body came too slowly") from None
        try:
            async with self._long if len(body) > _LONG_BYTES else nullcontext():
                return await asyncio.to_thread(self._inbox.receive, body, client)
        except StorageError as error:
            raise _Refused(507, str(error)) from error
        except InputError as error:
            raise _Refused(400, str(error)) from error

    def _admit(self, request: Request) -> None:
        if self._token is None:
            if not is_loopback(_host(request.headers.get("host", ""))):
                raise _Refused(403, "this server answers requests for localhost only; start it with --token")
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # In constant time, so that answers do not tell how much of a guess was right.
        right = hmac.compare_digest(given.strip().encode(), self._token)
        if scheme.lower() != "bearer" or not right:
            raise _Refused(401, "needs the header Authorization: Bearer TOKEN", www_authenticate="Bearer")

    async def _body(self, request: Request) -> bytes:
        limit = self._limits.max_bytes
        too_long = _Refused(413, f"longer than {limit} bytes")
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared[:20]) > limit:
            raise too_long
        body = bytearray()
        pieces = request.stream()
        while True:
            try:
                piece = await asyncio.wait_for(anext(pieces), self._limits.idle_seconds)
            except StopAsyncIteration:
                return bytes(body)
            body += piece
            if len(body) > limit:
                raise too_long


async def _drain(request: Request) -> None:
    """Let a refused client finish, within bounds: one whose body is cut off while it writes never reads why."""
    left = _DRAIN_BYTES
    with suppress(asyncio.TimeoutError, TimeoutError, StopAsyncIteration, ClientDisconnect, RuntimeError):
        pieces = request.stream()
        while left > 0:
            left -= len(await asyncio.wait_for(anext(pieces), _DRAIN_SECONDS))


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(header: str) -> str:
    """The host of a Host header, without its port and the brackets of IPv6."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]
