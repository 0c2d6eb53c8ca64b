# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One protocol for everything that the harness runs on: put files, run, fetch, close.

Paths on a device are relative, with forward slashes: each device gives a run an empty place of its own and removes it
on ``close``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from mdeploy.errors import InputError

__all__ = ["BenchOptions", "Completed", "Device", "DeviceInfo", "MeasureFlag", "relative_path"]


@dataclass(frozen=True)
class Completed:
    """What a command returned. ``exit_code`` is the command's own, or 128 + N where signal N ended it."""

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
class MeasureFlag:
    """A flag of the harness that says how to measure, as ``mdeploy bench`` takes it and hands it on.

    The harness has its own list with the same names and ranges (``mdeploy-harness --options-json``); a test holds the
    two against each other.
    """

    name: str
    kind: type[int] | type[float] | type[str] | type[bool]
    help: str
    low: float | None = None
    high: float | None = None
    metavar: str | None = None


def _flag(name: str, kind: type[int] | type[float] | type[str] | type[bool], help: str, **rest: Any) -> Any:
    return field(default=False if kind is bool else None, metadata={"flag": MeasureFlag(name, kind, help, **rest)})


@dataclass(frozen=True)
class BenchOptions:
    """What a bench asks of the harness; None leaves the choice to the harness, which reports it."""

    threads: int | None = _flag("--threads", int, "Default: the chosen cores, at most 4.", low=1, high=256)
    warmup: int | None = _flag("--warmup", int, "Untimed runs. Default: until latency is stable.", low=0, high=10**6)
    runs: int | None = _flag(
        "--runs", int, "Timed runs per round. Default: at least 10 and --min-seconds.", low=1, high=10**7
    )
    min_seconds: float | None = _flag(
        "--min-seconds", float, "A round lasts at least this long. Default: 1.", low=0, high=86400
    )
    cooldown_seconds: float | None = _flag(
        "--cooldown", float, "Idle seconds before each round.", low=0, high=86400, metavar="S"
    )
    rounds: int | None = _flag("--rounds", int, "Repeat warm-up and timed runs. Default: 1.", low=1, high=1000)
    affinity: str | None = _flag(
        "--affinity", str, "all, big (default), little, or a hexadecimal mask of cores.", metavar="A"
    )
    sustained_minutes: float | None = _flag(
        "--sustained", float, "Keep running, with a median per minute.", low=0, high=1440, metavar="MIN"
    )
    profile: bool = _flag("--profile", bool, "Time every operator.")
    tolerance: float = 1e-5

    @classmethod
    def flags(cls) -> dict[str, MeasureFlag]:
        """The flags by the name of their field, in the order of the fields."""
        return {entry.name: entry.metadata["flag"] for entry in fields(cls) if "flag" in entry.metadata}

    def arguments(self) -> list[str]:
        """The harness flags that say the same."""
        words: list[str] = []
        for name, flag in self.flags().items():
            value = getattr(self, name)
            if value is not None and value is not False:
                words += [flag.name] if value is True else [flag.name, str(value)]
        return words

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
