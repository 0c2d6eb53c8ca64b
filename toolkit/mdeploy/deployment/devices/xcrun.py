# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Xcode's command-line tools for devices and simulators: ``xcrun devicectl`` and ``xcrun simctl``.

Both know the app by its bundle identifier. What they print is for people and changes; what is read here is the JSON
that they write for programs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdeploy.errors import UnavailableError

__all__ = ["AppleDevice", "Xcrun", "parse_devices", "parse_simulators"]

_MISSING = "xcrun is not on PATH: iPhones are measured from a Mac with Xcode 15 or newer"
_CALL_SECONDS = 60.0


@dataclass(frozen=True)
class AppleDevice:
    """A device or a booted simulator."""

    udid: str
    name: str
    model: str
    """Such as "iPhone 15 Pro"."""
    os: str
    """Such as "iOS 17.4"."""
    simulator: bool
    note: str = ""
    """Why it cannot be used now; empty where it can."""


class Xcrun:
    """Calls the tools. Raises ``UnavailableError`` where they are missing, fail, or do not end."""

    def __init__(self, seconds: float = _CALL_SECONDS) -> None:
        self._seconds = seconds
        if shutil.which("xcrun") is None:
            raise UnavailableError(_MISSING)

    def devices(self) -> list[AppleDevice]:
        """What is paired, and the simulators that run."""
        listed = self._devicectl(["list", "devices"], "listing devices")
        booted = self._call(["simctl", "list", "devices", "booted", "--json"], "listing simulators")
        return [*parse_devices(listed), *parse_simulators(_json(booted, "simctl list"))]

    def install(self, device: AppleDevice, app: Path) -> None:
        """Install an .app that Xcode has built, and signed for a device."""
        doing = f"installing {app.name} on {device.name}"
        if device.simulator:
            self._call(["simctl", "install", device.udid, str(app)], doing)
        else:
            self._devicectl(["device", "install", "app", "--device", device.udid, str(app)], doing)

    def launch(self, device: AppleDevice, bundle: str, arguments: Sequence[str]) -> None:
        """Start the app in front, ending one that runs."""
        doing = f"starting {bundle} on {device.name}"
        if device.simulator:
            self._call(["simctl", "launch", "--terminate-running-process", device.udid, bundle, *arguments], doing)
        else:
            command = ["device", "process", "launch", "--device", device.udid, "--terminate-existing", bundle]
            self._devicectl([*command, *arguments], doing)

    def fetch(self, device: AppleDevice, bundle: str, path: str) -> str | None:
        """The text of a file in the app's container, such as Documents/results.json; None while it is not there."""
        if device.simulator:
            doing = f"looking for {bundle} on {device.name}"
            container = Path(self._call(["simctl", "get_app_container", device.udid, bundle, "data"], doing).strip())
            found = container / path
            return found.read_text(encoding="utf-8", errors="replace") if found.is_file() else None
        with tempfile.TemporaryDirectory(prefix="mdeploy-apple-") as folder:
            target = Path(folder) / "fetched"
            source = ["--domain-type", "appDataContainer", "--domain-identifier", bundle, "--source", path]
            command = ["devicectl", "device", "copy", "from", "--device", device.udid, *source]
            self._run([*command, "--destination", str(target)])  # that it fails means that the file is not there yet
            return target.read_text(encoding="utf-8", errors="replace") if target.is_file() else None

    def _devicectl(self, words: Sequence[str], doing: str) -> Mapping[str, Any]:
        with tempfile.TemporaryDirectory(prefix="mdeploy-apple-") as folder:
            answer = Path(folder) / "answer.json"
            # Before the words: after a bundle identifier all is for the app.
            self._call(["devicectl", "--quiet", "--json-output", str(answer), *words], doing)
            return _json(answer.read_text(encoding="utf-8") if answer.is_file() else "", f"devicectl {words[0]}")

    def _call(self, words: Sequence[str], doing: str) -> str:
        done = self._run(words)
        if done.returncode != 0:
            raise UnavailableError(f"{doing}: {_reason(done.stderr) or f'exit code {done.returncode}'}")
        return done.stdout

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["xcrun", *words], capture_output=True, text=True, errors="replace", timeout=self._seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"xcrun {words[0]} did not end in {self._seconds:.0f} s") from None
        except OSError as error:
            raise UnavailableError(f"cannot start xcrun: {error.strerror}") from error


def parse_devices(answer: Mapping[str, Any]) -> list[AppleDevice]:
    """iPhones and iPads from ``devicectl list devices --json-output``."""
    found = []
    for item in answer.get("result", {}).get("devices", []):
        hardware, properties = item.get("hardwareProperties", {}), item.get("deviceProperties", {})
        connection = item.get("connectionProperties", {})
        if hardware.get("platform") != "iOS" or not hardware.get("udid"):
            continue
        found.append(
            AppleDevice(
                udid=hardware["udid"],
                name=properties.get("name", hardware["udid"]),
                model=hardware.get("marketingName", hardware.get("productType", "")),
                os=f"iOS {properties.get('osVersionNumber', '')}".strip(),
                simulator=False,
                note=_why_not(properties, connection),
            )
        )
    return found


def parse_simulators(answer: Mapping[str, Any]) -> list[AppleDevice]:
    """iOS simulators from ``simctl list devices booted --json``."""
    found = []
    for runtime, items in answer.get("devices", {}).items():
        system = runtime.rsplit(".", 1)[-1]  # com.apple.CoreSimulator.SimRuntime.iOS-17-4
        if not system.startswith("iOS-"):
            continue
        release = "iOS " + system.removeprefix("iOS-").replace("-", ".")
        for item in items:
            if item.get("state") == "Booted":
                name = item.get("name", item["udid"])
                found.append(AppleDevice(item["udid"], name, name, release, simulator=True))
    return found


def _why_not(properties: Mapping[str, Any], connection: Mapping[str, Any]) -> str:
    if connection.get("pairingState", "paired") != "paired":
        return "not paired: connect it by cable, unlock it, and trust this computer"
    if connection.get("tunnelState") == "unavailable":
        return "not connected: connect it by cable or join its network, and unlock it"
    if properties.get("developerModeStatus") == "disabled":
        return "Developer Mode is off: on it, Settings, Privacy & Security, Developer Mode"
    return ""


def _json(text: str, what: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UnavailableError(f"{what} gave no JSON; is this Xcode 15 or newer?")
    return answer


def _reason(stderr: str) -> str:
    """The line that says what is wrong: "ERROR: The device is locked. (com.apple...)"."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith("ERROR:")]
    return (marked or lines or [""])[0].removeprefix("ERROR:").strip()[:300]
