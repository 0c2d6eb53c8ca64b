# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What the server takes and what it refuses, over real sockets."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mdeploy.errors import InputError
from mdeploy.reports.collect import inbox as inbox_module
from mdeploy.reports.collect import server as server_module
from mdeploy.reports.collect.app import Limits

Serve = Callable[..., Any]
TOKEN = "a-token-of-the-test"


@pytest.fixture
def body(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def test_a_report_lands_in_the_history_and_in_a_file(serve: Serve, body: bytes, document: dict[str, Any]) -> None:
    server = serve()
    status, answer = server.request(body)
    assert status == 201
    (run,) = server.history.runs()
    assert answer["run"] == run.id
    assert (run.kind, run.artifact, run.target, run.outcome) == ("bench", "tiny", "Phone (cli)", "ok")
    assert run.headline == "p50 2.000 ms"
    assert server.history.document(run.id) == document
    (file,) = server.folder.iterdir()
    assert json.loads(file.read_text()) == document
    assert (server.received[0].run, server.received[0].path) == (run.id, file)
    assert server.refused == []


def test_many_at_once_all_land(serve: Serve, document: dict[str, Any]) -> None:
    server = serve()
    barrier, answers = threading.Barrier(8), []

    def send(number: int) -> None:
        text = json.dumps({**document, "first_run_ms": float(number)}).encode()
        barrier.wait()
        answers.append(server.request(text))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in answers] == [201] * 8
    runs = server.history.runs()
    assert {server.history.document(run.id)["first_run_ms"] for run in runs} == set(range(8))
    assert len({answer["run"] for _, answer in answers}) == len(runs) == len(list(server.folder.iterdir())) == 8


def test_what_is_kept_is_what_came(serve: Serve, document: dict[str, Any]) -> None:
    """With what a later harness says, in the bytes whose hash is answered."""
    server = serve()
    body = b" " + json.dumps({**document, "of_tomorrow": {"a": [1, 2]}}, indent=3).encode()
    status, answer = server.request(body)
    (file,) = server.folder.iterdir()
    assert (status, answer["sha256"]) == (201, hashlib.sha256(body).hexdigest())
    assert file.read_bytes() == body
    assert server.history.document(answer["run"])["of_tomorrow"] == {"a": [1, 2]}


def test_a_short_report_does_not_wait_for_a_long_one(
    serve: Serve, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checking a long one takes seconds. Here it takes until a short one has been answered."""
    real, answered = inbox_module.Inbox.receive, threading.Event()
    checking, most = [0], [0]

    def receive(self: Any, text: bytes, client: str) -> Any:
        if len(text) <= 1 << 20:
            return real(self, text, client)
        checking[0] += 1
        most[0] = max(most[0], checking[0])
        assert answered.wait(30)
        try:
            return real(self, text, client)
        finally:
            checking[0] -= 1

    monkeypatch.setattr(inbox_module.Inbox, "receive", receive)
    server = serve()
    statuses: list[int] = []
    long = body + b" " * (1 << 20)
    senders = [threading.Thread(target=lambda: statuses.append(server.request(long)[0])) for _ in range(12)]
    for sender in senders:
        sender.start()
    assert [server.request(body)[0] for _ in range(3)] == [201] * 3
    answered.set()
    for sender in senders:
        sender.join()
    assert statuses == [201] * 12
    assert most[0] == 1, "long ones go one at a time"


class TestToken:
    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            f"Basic {TOKEN}",
            TOKEN,
            "Bearer ü",
        ],
    )
    def test_refused_without_it(self, header: str | None, serve: Serve, body: bytes) -> None:
        server = serve(token=TOKEN)
        status, _ = server.request(body, {} if header is None else {"Authorization": header})
        assert status == 401
        assert server.nothing_was_kept()

    def test_taken_with_it_under_any_host_name(self, serve: Serve, body: bytes) -> None:
        server = serve(token=TOKEN)
        assert server.request(body, {"Authorization": f"bearer {TOKEN}", "Host": "lab-machine:8765"})[0] == 201

    def test_whoever_sends_much_still_reads_why(self, serve: Serve, document: dict[str, Any]) -> None:
        document["warnings"] = ["x" * 2_000_000]
        status, answer = serve(token=TOKEN).request(json.dumps(document).encode())
        assert (status, "Authorization" in answer["error"]) == (401, True)

    def test_the_answer_does_not_wait_for_the_body(self, serve: Serve) -> None:
        head = "POST /reports HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 1000\n\n"
        assert serve(token=TOKEN).raw(head).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "10.0.0.5", "", "localhost.evil.example"])
def test_without_a_token_only_names_of_this_machine_are_answered(host: str, serve: Serve, body: bytes) -> None:
    server = serve()
    assert server.request(body, {"Host": host})[0] == 403
    assert server.nothing_was_kept()
    assert server.request(body, {"Host": f"localhost:{server.port}"})[0] == 201
    assert server.request(body, {"Host": "[::1]:80"})[0] == 201


class TestTooLong:
    LIMIT = Limits(max_bytes=10_000)
    HEAD = "POST /reports HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"

    def test_declared(self, serve: Serve) -> None:
        server = serve(limits=self.LIMIT)
        for length in ("10001", "99999999999999999999999999"):
            assert server.raw(f"{self.HEAD}Content-Length: {length}\n\n").startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))
        assert server.raw(f"{self.HEAD}Content-Length: 10001\n\n").startswith(b"HTTP/1.1 413")
        assert server.nothing_was_kept()

    def test_chunked(self, serve: Serve) -> None:
        server = serve(limits=self.LIMIT)
        chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
        answer = server.raw(f"{self.HEAD}Transfer-Encoding: chunked\n\n", chunk, chunk, chunk)
        assert answer.startswith(b"HTTP/1.1 413"), "no end of the body was needed"
        assert server.nothing_was_kept()

    def test_up_to_the_limit_is_taken(self, serve: Serve, body: bytes) -> None:
        server = serve(limits=Limits(max_bytes=len(body)))
        assert server.request(body)[0] == 201
        assert server.request(body + b" ")[0] == 413

    def test_chunked_within_the_limit_is_taken(self, serve: Serve, body: bytes) -> None:
        server = serve()
        chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:100], body[100:])]
        head = f"{self.HEAD}Transfer-Encoding: chunked\n\n"
        assert server.raw(head, *chunks, b"0\r\n\r\n").startswith(b"HTTP/1.1 201")

    def test_a_head_without_end(self, serve: Serve, body: bytes) -> None:
        server = serve()
        answer = server.raw("POST /reports HTTP/1.1\nX: ", b"y" * 100_000)
        # The kernel resets a connection that is closed with bytes unread, and the answer may be lost on the way.
        assert answer[:12] in (b"HTTP/1.1 400", b"")
        assert server.request(body)[0] == 201, "the server goes on"
        assert len(server.history.runs()) == 1


@pytest.mark.parametrize("limits", [Limits(idle_seconds=0.2), Limits(body_seconds=0.2)], ids=["pause", "whole"])
def test_a_body_that_does_not_come(limits: Limits, serve: Serve) -> None:
    server = serve(limits=limits)
    answer = server.raw(TestTooLong.HEAD + "Content-Length: 100\n\n", b"{")
    assert answer.startswith(b"HTTP/1.1 408")
    assert server.nothing_was_kept()


def test_a_sender_that_goes_away(serve: Serve, body: bytes) -> None:
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"{TestTooLong.HEAD}Content-Length: {len(body)}\n\n".replace("\n", "\r\n")
        connection.sendall(head.encode() + body[:-1])
    assert server.request(body)[0] == 201, "the server goes on"
    assert len(server.history.runs()) == 1


def test_paths_and_methods(serve: Serve, body: bytes) -> None:
    server = serve()
    for path in ("/", "/reports/", "/reports/x", "/reports/../../x", "/reports/%2e%2e/x", "//reports", "/REPORTS",
                 "/reports%00", "/reports/..%2f..%2fx.json", "*", "http://localhost/reports/x"):  # fmt: skip
        assert server.request(body, path=path)[0] == 404, path
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"):
        assert server.request(b"", method=method)[0] == 405, method
    assert server.nothing_was_kept()


def test_nothing_in_a_report_names_a_file(serve: Serve, document: dict[str, Any], tmp_path: Path) -> None:
    server = serve()
    document["model"]["name"] = "../../escape"
    document["device"]["model"] = f"{tmp_path}/absolute"
    document["files"] = {"../../../escape.pb": {"bytes": 1, "sha256": None}}
    headers = {"Content-Disposition": 'attachment; filename="../../escape.json"'}
    assert server.request(json.dumps(document).encode(), headers)[0] == 201
    assert {path.name for path in tmp_path.iterdir()} <= {"history.db", "history.db-wal", "history.db-shm", "reports"}
    (file,) = server.folder.iterdir()
    assert "escape" not in file.name


def test_what_would_steer_a_terminal_is_made_harmless(serve: Serve, document: dict[str, Any]) -> None:
    server = serve()
    document["model"]["name"] = "net\x1b]0;owned\x07\n\u202e" + "x" * 500
    assert server.request(json.dumps(document).encode())[0] == 201
    (run,) = server.history.runs()
    assert run.artifact.startswith("net?]0;owned???xxx")
    assert len(run.artifact) == 100
    assert server.history.document(run.id)["model"]["name"] == document["model"]["name"]


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"])
def test_other_content_types(kind: str, serve: Serve, body: bytes) -> None:
    server = serve()
    assert server.request(body, {"Content-Type": kind})[0] == 415
    assert server.request(body, {"Content-Encoding": "gzip"})[0] == 415
    assert server.nothing_was_kept()
    assert server.request(body, {"Content-Type": "Application/JSON; charset=utf-8"})[0] == 201


def broken(document: dict[str, Any]) -> list[tuple[bytes, str]]:
    text = json.dumps(document)
    return [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "not a report"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"schema": "mdeploy-report/1"}', "required property"),
        (json.dumps({**document, "schema": "mdeploy-report/9"}).encode(), "newer mdeploy"),
        (json.dumps({**document, "error": "\ud800"}).encode(), "surrogate"),
        (json.dumps({**document, "threads": "four"}).encode(), "threads"),
        (text.replace("4.5", "NaN").encode(), "NaN"),
        (text.replace("4.5", "1e999").encode(), "too large"),
        (text.replace("4.5", "9" * 400).encode(), "64 bits"),
        (text.replace("4.5", "9" * 5000).encode(), "digits"),
    ]


def test_what_is_no_report(serve: Serve, document: dict[str, Any]) -> None:
    server = serve()
    for body, reason in broken(document):
        status, answer = server.request(body)
        assert (status, reason in answer["error"]) == (400, True), (body[:80], answer)
    assert server.nothing_was_kept()
    assert [status for status, _, _ in server.refused] == [400] * len(broken(document))


def test_too_many_requests(serve: Serve, body: bytes) -> None:
    server = serve(token=TOKEN, limits=Limits(per_minute=3))
    assert [server.request(body)[0] for _ in range(4)] == [401, 401, 401, 429], "guesses count"
    forwarded = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "10.1.2.3"}
    status, answer = server.request(body, forwarded)
    assert status == 429, "an address that a client claims counts for nothing"
    assert "come again" in answer["error"]
    assert server.nothing_was_kept()


def test_what_cannot_be_kept_is_kept_nowhere(serve: Serve, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()

    def full(*_arguments: Any, **_flags: Any) -> int:
        raise InputError("database or disk is full")

    monkeypatch.setattr(inbox_module.History, "add", full)
    status, answer = server.request(body)
    assert (status, answer["error"]) == (507, "database or disk is full")
    assert not list(server.folder.iterdir())
    monkeypatch.undo()
    assert server.request(body)[0] == 201


def test_silent_connections_are_bounded_and_ended(serve: Serve, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_HEAD_SECONDS", 0.3)
    server = serve()
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(40)]
    try:
        for connection in silent:
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b"", "ended without an answer"
    finally:
        for connection in silent:
            connection.close()
    assert server.request(body)[0] == 201


def test_senders_that_drip_do_not_shut_honest_ones_out(serve: Serve, body: bytes, document: dict[str, Any]) -> None:
    """Twice as many as there are places, a byte every tenth of a second each: heads and bodies."""
    server = serve(limits=Limits(per_minute=10_000))
    head = f"{TestTooLong.HEAD}Content-Length: {len(body)}\n\n".replace("\n", "\r\n").encode()
    dripping = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(64)]
    over = threading.Event()

    def drip() -> None:
        sent = 0
        while not over.wait(0.1):
            for number, connection in enumerate(dripping):
                text = head + body if number % 2 else head
                with suppress(OSError):
                    connection.send(text[sent : sent + 1] if sent or not number % 2 else head)
            sent += 1

    attacker = threading.Thread(target=drip)
    attacker.start()
    try:
        for number in range(10):
            document["model"]["name"] = f"honest-{number}"
            assert server.request(json.dumps(document).encode())[0] == 201
    finally:
        over.set()
        attacker.join()
        for connection in dripping:
            connection.close()
    assert len(server.history.runs()) == 10


def test_a_request_that_comes_too_slowly_is_ended(serve: Serve, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_SLOW_SECONDS", 0.3)
    monkeypatch.setattr(server_module, "_MIN_SPEED", 1e6)
    server = serve()
    head = f"{TestTooLong.HEAD}Content-Length: {len(body)}\n\n".replace("\n", "\r\n").encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head + body[:-1])
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b"", "ended without an answer"
    assert server.request(body)[0] == 201
