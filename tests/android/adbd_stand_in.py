# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a phone's adb daemon on loopback, which the real ``adb`` client takes for a device.

It speaks the transport of the protocol (CNXN, AUTH, OPEN, OKAY, WRTE, CLSE with its flow control) and the services
``shell:``, ``shell,v2,raw:``, ``exec:`` and ``sync:`` (STAT, SEND, RECV, LIST), as documented in AOSP's
``packages/modules/adb`` (protocol.txt, SYNC.TXT, shell protocol v2). Commands run under /bin/sh in a directory of the
test, with Android's own commands played by ``device_commands.py``; the harness is really executed.

Faults are switched on per device. As a real daemon does, it leaves a command running when the host hangs up.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

COMMANDS = Path(__file__).with_name("device_commands.py")
PLAYED = ("am", "cmd", "dumpsys", "getprop", "input", "logcat", "pidof", "pm", "run-as")
VERSION, MAX_DATA = 0x01000001, 256 * 1024
AUTH_TOKEN = 1
WORDS = {word: struct.unpack("<I", word.encode())[0] for word in ("CNXN", "OPEN", "OKAY", "WRTE", "CLSE", "AUTH")}


@dataclass
class Faults:
    """What goes wrong. Numbers of bytes count what is pushed."""

    cut_push_after: int | None = None  # the cable is pulled
    full_after: int | None = None  # the disk is full
    delay: float = 0.0  # seconds before each service answers
    hang_on: str | None = None  # pattern of commands that never answer
    cut_on: str | None = None  # pattern of commands during which the cable is pulled
    unauthorized: bool = False  # nobody accepts the host's key


class Stream:
    """One open service: bytes in from the host, bytes out with one write under way at a time."""

    def __init__(self, connection: Connection, local: int, remote: int) -> None:
        self.connection, self.local, self.remote = connection, local, remote
        self.buffer = bytearray()
        self.changed = threading.Condition()
        self.closed = False
        self.ready = threading.Semaphore(0)
        self.writing = threading.Lock()

    def feed(self, data: bytes) -> None:
        with self.changed:
            self.buffer += data
            self.changed.notify_all()

    def hang_up(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        self.ready.release()

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes, or what was left when the host hung up."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.buffer) >= count or self.closed)
            data = bytes(self.buffer[:count])
            del self.buffer[:count]
            return data

    def read_some(self) -> bytes:
        with self.changed:
            self.changed.wait_for(lambda: self.buffer or self.closed)
            data = bytes(self.buffer)
            self.buffer.clear()
            return data

    def write(self, data: bytes) -> None:
        with self.writing:
            for start in range(0, len(data), self.connection.max_data):
                if self.closed:
                    return
                self.connection.send("WRTE", self.local, self.remote, data[start : start + self.connection.max_data])
                self.ready.acquire()


class Connection(socketserver.BaseRequestHandler):
    """One host."""

    server: StandIn

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sending = threading.Lock()
        self.streams: dict[int, Stream] = {}
        self.max_data = 4096
        self.server.connections.add(self.request)
        try:
            while True:
                self.message()
        except (ConnectionError, OSError):
            pass
        finally:
            for stream in self.streams.values():
                stream.hang_up()
            self.server.connections.discard(self.request)

    def message(self) -> None:
        word, first, second, length, _, magic = struct.unpack("<6I", self.receive(24))
        data = self.receive(length)
        assert word ^ magic == 0xFFFFFFFF, "a message of the host is malformed"
        if word == WORDS["CNXN"]:
            self.max_data = min(second, MAX_DATA)
            if self.server.faults.unauthorized:
                self.send("AUTH", AUTH_TOKEN, 0, os.urandom(20))
                return
            banner = f"device::ro.product.name=test;ro.product.model=Test;features={self.server.features}"
            self.send("CNXN", VERSION, MAX_DATA, banner.encode())
        elif word == WORDS["AUTH"]:
            if first == 2:  # a signature; the token again means that the key is not known
                self.send("AUTH", AUTH_TOKEN, 0, os.urandom(20))
        elif word == WORDS["OPEN"]:
            stream = Stream(self, self.server.next_id(), first)
            self.streams[stream.local] = stream
            service = data.rstrip(b"\0").decode()
            threading.Thread(target=self.serve, args=(stream, service), daemon=True).start()
        elif word == WORDS["WRTE"] and second in self.streams:
            self.streams[second].feed(data)
            self.send("OKAY", second, self.streams[second].remote)
        elif word == WORDS["OKAY"] and second in self.streams:
            self.streams[second].ready.release()
        elif word == WORDS["CLSE"] and second in self.streams:
            self.streams.pop(second).hang_up()

    def send(self, word: str, first: int, second: int, data: bytes = b"") -> None:
        number = WORDS[word]
        head = struct.pack("<6I", number, first, second, len(data), sum(data) & 0xFFFFFFFF, number ^ 0xFFFFFFFF)
        with self.sending:
            self.request.sendall(head + data)

    def receive(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            part = self.request.recv(count - len(data))
            if not part:
                raise ConnectionError
            data += part
        return bytes(data)

    def serve(self, stream: Stream, service: str) -> None:
        try:
            time.sleep(self.server.faults.delay)
            self.send("OKAY", stream.local, stream.remote)
            kind, _, command = service.partition(":")
            if kind == "sync":
                Sync(self.server, stream).run()
            elif kind.split(",")[0] in ("shell", "exec"):
                self.shell(stream, kind, command)
            self.send("CLSE", stream.local, stream.remote)
        except (ConnectionError, OSError):
            pass

    def shell(self, stream: Stream, kind: str, command: str) -> None:
        faults = self.server.faults
        self.server.commands.append(command)
        if faults.hang_on and re.search(faults.hang_on, command):
            stream.read(1 << 30)  # until the host gives up
            return
        framed = "v2" in kind.split(",")
        process = self.server.start(command, merged=not framed)
        if faults.cut_on and re.search(faults.cut_on, command):
            time.sleep(0.3)
            self.server.pull_the_cable()
            return
        assert process.stdout is not None
        assert process.stdin is not None
        pumps = [threading.Thread(target=self.pump, args=(stream, process.stdout, 1 if framed else None))]
        if process.stderr is not None:
            pumps.append(threading.Thread(target=self.pump, args=(stream, process.stderr, 2)))
        for pump in pumps:
            pump.start()
        feeder = threading.Thread(target=self.feed, args=(stream, process.stdin, framed), daemon=True)
        feeder.start()
        for pump in pumps:
            pump.join()
        code = process.wait()
        if framed:
            stream.write(struct.pack("<BIB", 3, 1, code if code >= 0 else 128 - code))

    @staticmethod
    def pump(stream: Stream, source: object, channel: int | None) -> None:
        while data := source.read1(32768):  # type: ignore[attr-defined]
            stream.write(data if channel is None else struct.pack("<BI", channel, len(data)) + data)
            if stream.closed:
                source.close()  # type: ignore[attr-defined]
                return

    @staticmethod
    def feed(stream: Stream, sink: object, framed: bool) -> None:
        try:
            while True:
                if not framed:
                    data = stream.read_some()
                else:
                    head = stream.read(5)
                    if len(head) < 5:
                        break
                    channel, length = struct.unpack("<BI", head)
                    data = stream.read(length)
                    if channel == 3:  # the host's standard input has ended
                        break
                    if channel != 0:
                        continue
                if not data:
                    break
                sink.write(data)  # type: ignore[attr-defined]
                sink.flush()  # type: ignore[attr-defined]
            sink.close()  # type: ignore[attr-defined]
        except (BrokenPipeError, ValueError, OSError):
            pass


class Sync:
    """The file service."""

    def __init__(self, server: StandIn, stream: Stream) -> None:
        self.server, self.stream = server, stream

    def run(self) -> None:
        while True:
            head = self.stream.read(8)
            if len(head) < 8 or head[:4] == b"QUIT":
                return
            name = self.stream.read(struct.unpack("<I", head[4:])[0]).decode()
            handler = {b"STAT": self.stat, b"SEND": self.send, b"RECV": self.receive, b"LIST": self.list}.get(head[:4])
            if handler is None:
                self.fail(f"unknown command {head[:4]!r}")
            else:
                handler(name)

    def fail(self, message: str) -> None:
        self.stream.write(b"FAIL" + struct.pack("<I", len(message)) + message.encode())

    def stat(self, name: str) -> None:
        try:
            found = self.server.path(name).stat()
            fields = (found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime))
        except OSError:
            fields = (0, 0, 0)
        self.stream.write(b"STAT" + struct.pack("<3I", *fields))

    def send(self, spec: str) -> None:
        name, _, mode = spec.rpartition(",")
        path, problem = self.server.path(name), None
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            while True:
                word, length = struct.unpack("<4sI", self.stream.read(8))
                if word == b"DONE":
                    break
                data = self.stream.read(length)
                if problem is None:  # a real daemon, too, reads on after it failed
                    problem = self.server.write(file, data)
        if problem is not None:
            path.unlink()
            self.fail(problem)
            return
        path.chmod(int(mode) & 0o777)
        os.utime(path, (length, length))
        self.stream.write(b"OKAY" + struct.pack("<I", 0))

    def receive(self, name: str) -> None:
        try:
            with self.server.path(name).open("rb") as file:
                while data := file.read(65536):
                    self.stream.write(b"DATA" + struct.pack("<I", len(data)) + data)
            self.stream.write(b"DONE" + struct.pack("<I", 0))
        except OSError as error:
            self.fail(f"open failed: {os.strerror(error.errno or 0)}")

    def list(self, name: str) -> None:
        self.stream.write(b"DONE" + bytes(16))


class StandIn(socketserver.ThreadingTCPServer):
    """The device: its files below `root`, its faults, and what it was asked to do."""

    allow_reuse_address = True
    daemon_threads = True
    features = "shell_v2,cmd"

    def __init__(self, root: Path, properties: dict[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.root = root
        self.faults = Faults()
        self.commands: list[str] = []
        self.connections: set[socket.socket] = set()
        self.pushed = 0
        self._ids = iter(range(1, 1 << 30))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._closed = False
        self._prepare({**PROPERTIES, **(properties or {})})
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def serial(self) -> str:
        """What `adb connect` takes, and the serial afterwards."""
        return f"127.0.0.1:{self.server_address[1]}"

    def _prepare(self, properties: dict[str, str]) -> None:
        commands = self.root / "system" / "bin"
        commands.mkdir(parents=True)
        (self.root / "data" / "local" / "tmp").mkdir(parents=True)
        (self.root / "log").touch()
        self.state(properties=properties, thermal_status=0, battery_tenths=301)
        for name in PLAYED:
            script = commands / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{COMMANDS}" {name} "$@"\n')
            script.chmod(0o755)

    def state(self, **changes: object) -> None:
        """Change what the played commands answer; see device_commands.py."""
        path = self.root / "state.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, **changes}))

    def next_id(self) -> int:
        return next(self._ids)

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def write(self, file: object, data: bytes) -> str | None:
        """Write pushed bytes unless a fault forbids it; returns what the daemon then says."""
        self.pushed += len(data)
        if self.faults.cut_push_after is not None and self.pushed > self.faults.cut_push_after:
            self.pull_the_cable()
            raise ConnectionError
        if self.faults.full_after is not None and self.pushed > self.faults.full_after:
            return "write failed: No space left on device"
        file.write(data)  # type: ignore[attr-defined]
        return None

    def start(self, command: str, merged: bool) -> subprocess.Popen[bytes]:
        # What would be absolute on a device lies below our root here.
        command = re.sub(r"(?<![\w/.])/(data|system)/", rf"{self.root}/\1/", command)
        environment = {
            "PATH": f"{self.root}/system/bin:/usr/bin:/bin",
            "DEVICE_ROOT": str(self.root),
            "HOME": str(self.root),
        }
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            env=environment,
            cwd=self.root,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def pull_the_cable(self) -> None:
        """Drop every connection and take no new one."""
        self.socket.close()
        for connection in list(self.connections):
            with_suppressed(connection.shutdown, socket.SHUT_RDWR)
            with_suppressed(connection.close)

    def stop(self) -> None:
        """End the daemon and whatever still runs on the device."""
        if self._closed:
            return
        self._closed = True
        self.pull_the_cable()
        self.shutdown()
        self.server_close()
        for process in self._processes:
            with_suppressed(os.killpg, process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with_suppressed(stream.close)
        for pid_file in (self.root / "run").glob("*.pid"):
            with_suppressed(os.killpg, int(pid_file.read_text()), signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """A pulled cable is no news."""


PROPERTIES = {
    "ro.product.manufacturer": "Acme",
    "ro.product.model": "Test Phone",
    "ro.build.version.release": "15",
    "ro.build.version.sdk": "35",
    "ro.product.cpu.abi": "x86_64",
    "ro.product.cpu.abilist": "x86_64,x86",
}


def with_suppressed(function: object, *arguments: object) -> None:
    with contextlib.suppress(OSError, ValueError):
        function(*arguments)  # type: ignore[operator]
