# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The ``adb`` command, with a timeout on every call and its many ways to fail turned into one line each."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from mdeploy.errors import UnavailableError

__all__ = ["SHORT_TIMEOUT", "Adb", "Attached", "Timeouts"]

SHORT_TIMEOUT = 20.0
"""Seconds for a call that a device answers at once."""


@dataclass(frozen=True)
class Timeouts:
    """How long to wait, in seconds. A transfer may take ``transfer`` plus the time of ``bytes_per_second``."""

    short: float = SHORT_TIMEOUT
    transfer: float = 60.0
    bytes_per_second: float = 250_000.0  # USB 1 over a bad cable; USB 2 does a hundred times as much
    install: float = 300.0

    def of_transfer(self, size: int) -> float:
        """Return the limit for ``size`` bytes."""
        return self.transfer + size / self.bytes_per_second


@dataclass(frozen=True)
class Attached:
    """One line of ``adb devices -l``: state is ``device`` when it can be used."""

    serial: str
    state: str
    properties: Mapping[str, str]


# What adb and Android say, and what that means to a user. The first that is found counts.
_STATES = {
    "unauthorized": "unlock it and accept the question about USB debugging",
    "authorizing": "unlock it and accept the question about USB debugging",
    "offline": "it does not answer; unplug it and plug it in again, or run `adb reconnect`",
    "no permissions": "this user may not open USB devices; install udev rules (android-sdk-platform-tools-common)",
    "recovery": "it is in recovery mode; start Android",
    "sideload": "it is in sideload mode; start Android",
    "bootloader": "it is in the bootloader; start Android",
}
_GONE = re.compile(
    r"device '[^']*' not found|device offline|no devices/emulators found|device not found|error: closed|"
    r"failed to get feature set|connect failed|device still authorizing|protocol fault|Connection reset|"
    r"couldn't read from device|failed to read copy response|failed to send .*?(EOF|closed)|: EOF$|transport error",
    re.IGNORECASE | re.MULTILINE,
)
_UNAUTHORIZED = re.compile(r"device unauthorized", re.IGNORECASE)
_FULL = re.compile(r"No space left on device|INSUFFICIENT_STORAGE|not enough space|Disk quota exceeded", re.IGNORECASE)
_END = "mdeploy-end"
_SERVER = re.compile(r"cannot connect to daemon|failed to start daemon|daemon not running.*fail", re.IGNORECASE | re.S)


class Adb:
    """Runs ``adb`` for one device, or for none in particular.

    Raises ``UnavailableError`` when adb is not installed.
    """

    def __init__(self, serial: str | None = None, timeouts: Timeouts | None = None) -> None:
        self.serial = serial
        self.timeouts = timeouts or Timeouts()
        found = shutil.which("adb")
        if found is None:
            raise UnavailableError(
                "adb is not installed: `apt-get install adb`, `brew install android-platform-tools`, "
                "or Android's SDK platform tools"
            )
        self._executable = found

    @property
    def label(self) -> str:
        """The device as ``--device`` names it."""
        return f"adb:{self.serial}" if self.serial else "adb"

    def attached(self) -> list[Attached]:
        """Every device that adb knows, usable or not."""
        output = self.call(["devices", "-l"], "listing devices")
        devices = []
        for line in output.splitlines()[1:]:
            serial, _, rest = line.strip().partition(" ")
            if not rest or serial.startswith("*"):
                continue
            words = rest.split()
            properties = dict(word.split(":", 1) for word in words if ":" in word)
            state = "no permissions" if rest.lstrip().startswith("no permissions") else words[0]
            devices.append(Attached(serial, state, properties))
        return devices

    def call(self, arguments: Sequence[str], doing: str, timeout: float | None = None) -> str:
        """Run ``adb ARGUMENTS`` and return its standard output.

        ``doing`` is for messages: "pushing init_net.pb". Raises ``UnavailableError`` on any failure.
        """
        done = self.attempt(arguments, doing, timeout)
        if done.returncode != 0:
            self.fail(doing, done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def shell(self, command: str, doing: str, timeout: float | None = None) -> str:
        """Run a shell command on the device and return its standard output; whether it succeeded is not looked at."""
        return self._shell(command, doing, timeout)[1]

    def require_shell(self, command: str, doing: str) -> None:
        """Run a shell command on the device that must succeed."""
        code, _, error = self._shell(command, doing, None)
        if code != 0:
            self.fail(doing, error)

    def _shell(self, command: str, doing: str, timeout: float | None) -> tuple[int, str, str]:
        # When the connection is lost, `adb shell` ends with 0 as if all were well. So the command line says itself
        # that it got to its end.
        done = self.attempt(["shell", f'{command}\necho "{_END} $?"'], doing, timeout)
        output, found, code = done.stdout.replace("\r\n", "\n").rpartition(f"{_END} ")
        if not found or not code.strip().isdigit():
            self.fail(doing, done.stderr.strip() or "connection lost")
        return int(code), output, done.stderr

    def attempt(
        self, arguments: Sequence[str], doing: str, timeout: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``adb ARGUMENTS`` and return whatever came of it, but for a timeout, which raises."""
        limit = self.timeouts.short if timeout is None else timeout
        try:
            return subprocess.run(
                self.command(arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(
                f"{self.label}: no answer within {limit:g} s while {doing}; is it asleep, or the cable loose?"
            ) from error

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line of ``adb ARGUMENTS`` for this device."""
        return [self._executable, *(["-s", self.serial] if self.serial else []), *arguments]

    def is_there(self) -> bool:
        """Whether the device answers now."""
        try:
            done = self.attempt(["get-state"], "asking for its state")
        except UnavailableError:
            return False
        return done.returncode == 0 and done.stdout.strip() == "device"

    def fail(self, doing: str, said: str) -> NoReturn:
        """Raise the error for what adb said while ``doing`` something."""
        line = _last_line(said)
        if _UNAUTHORIZED.search(said):
            raise UnavailableError(f"{self.label}: not authorized; {_STATES['unauthorized']}")
        if _FULL.search(said):
            raise UnavailableError(f"{self.label}: no space left on the device while {doing}; free some and try again")
        if _SERVER.search(said):
            raise UnavailableError(f"the adb server does not start: {line}; try `adb kill-server`")
        if _GONE.search(said) or said == "connection lost":
            raise UnavailableError(f"{self.label}: disconnected while {doing} ({line})")
        raise UnavailableError(f"{self.label}: {doing} failed: {line}")


def state_note(state: str) -> str:
    """Say what helps against a device state of adb's other than ``device``."""
    advice = _STATES.get(state)
    return f"{state}: {advice}" if advice else state


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[-1] if lines else "adb gave no reason"
    return line.removeprefix("adb: ").removeprefix("error: ")[:300]
