# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The protocol that everything the harness runs on is behind: put files, run, fetch, close.

Paths on a device are relative, with forward slashes: each device gives a run an empty place of its own and removes it
on ``close``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, runtime_checkable

from mdeploy.errors import InputError

__all__ = ["BenchOptions", "Completed", "Device", "DeviceInfo", "relative_path"]


@dataclass(frozen=True)
class Completed:
    """What a command left behind. ``exit_code`` is the command's own, or 128 + N where signal N ended it."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class DeviceInfo:
    """One row of ``mdeploy devices``: what ``--device`` takes, and what is known without running anything.

    ``available`` is False for a device that cannot be used now; ``note`` then says why and what helps.
    """

    name: str
    description: str
    abi: str = ""
    os: str = ""
    cores: int | None = None
    available: bool = True
    note: str = ""


@dataclass(frozen=True)
class BenchOptions:
    """What a bench asks of the harness; None leaves the choice to the harness, which reports it."""

    threads: int | None = None
    warmup: int | None = None
    runs: int | None = None
    min_seconds: float | None = None
    cooldown_seconds: float | None = None
    rounds: int | None = None
    affinity: str | None = None
    sustained_minutes: float | None = None
    profile: bool = False
    tolerance: float = 1e-5

    def arguments(self) -> list[str]:
        """The harness flags that say the same."""
        pairs = (
            ("--threads", self.threads),
            ("--warmup", self.warmup),
            ("--runs", self.runs),
            ("--min-seconds", self.min_seconds),
            ("--cooldown", self.cooldown_seconds),
            ("--rounds", self.rounds),
            ("--affinity", self.affinity),
            ("--sustained", self.sustained_minutes),
        )
        flags = [text for flag, value in pairs if value is not None for text in (flag, str(value))]
        return flags + (["--profile"] if self.profile else [])

    def timeout_seconds(self, slowdown: float = 1.0) -> float:
        """An upper bound on a run that works: ``slowdown`` is 1 on a phone or a host, more under emulation."""
        rounds = self.rounds or 1
        asked = (self.min_seconds or 1.0) + (self.cooldown_seconds or 0.0)
        sustained = (self.sustained_minutes or 0.0) * 66.0
        return sustained + slowdown * (600.0 + rounds * (2.0 * asked + (self.runs or 10) * 5.0))


@runtime_checkable
class Device(Protocol):
    """One place to run the harness. Use it as a context manager, or ``close`` it."""

    name: str
    """What ``--device`` named, such as ``local`` or ``adb:emulator-5554``."""
    description: str
    """For people: model, system, ABI."""
    abi: str
    """Which harness it runs: ``host``, ``arm64-v8a``, ``armeabi-v7a`` or ``x86_64``."""
    slowdown: float
    """How much longer than on real hardware a run may take: 1 but for emulators."""

    def put(self, source: Path, path: str, executable: bool = False) -> None:
        """Copy a file to the device, making directories on the way.

        Raises ``UnavailableError`` when the device is gone or full.
        """
        ...

    def run(self, command: Sequence[str], *, timeout: float) -> Completed:
        """Run ``command`` in the run's place; its first word is a path that was ``put`` there.

        Raises ``UnavailableError`` when the device goes away or ``timeout`` seconds pass (the command is ended).
        """
        ...

    def fetch(self, path: str, target: Path) -> None:
        """Copy a file back. Raises ``UnavailableError`` when it is not there."""
        ...

    def close(self) -> None:
        """Remove what was put. May be called twice, and on a device that went away."""
        ...

    def __enter__(self) -> Device: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


def relative_path(path: str) -> str:
    """Return ``path`` if it stays inside the run's place, else raise ``InputError``."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise InputError(f"{path!r}: not a path inside the device's work place")
    return path
