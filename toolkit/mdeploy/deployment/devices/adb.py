# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Android devices over ``adb``: the command-line harness in /data/local/tmp, without app and without SDK."""

from __future__ import annotations

import concurrent.futures
import contextlib
import re
import secrets
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from mdeploy.deployment.devices.adb_client import Adb, Attached, Timeouts, state_note
from mdeploy.deployment.devices.base import Completed, DeviceInfo, relative_path
from mdeploy.errors import UnavailableError, UsageError

__all__ = ["ABIS", "AdbDevice", "adb_devices", "check_heat", "select_serials"]

ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")
"""What the harness is built for, best first where a device takes several."""

_WORK_ROOT = "/data/local/tmp"
# One round trip for everything that a device is described by.
_DESCRIBE = (
    "getprop ro.product.manufacturer; getprop ro.product.model; getprop ro.build.version.release; "
    "getprop ro.build.version.sdk; getprop ro.product.cpu.abilist; getprop ro.product.cpu.abi; "
    "cat /sys/devices/system/cpu/possible 2>/dev/null"
)
_THERMAL_CRITICAL = 4  # PowerManager.THERMAL_STATUS_CRITICAL: the platform has throttled everything it can
_THERMAL_WORDS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
_BATTERY_TOO_HOT_C = 50.0
_PID_FILE, _EXIT_FILE = ".pid", ".exit"


@dataclass(frozen=True)
class Description:
    """What a device says of itself."""

    model: str
    release: str
    sdk: int | None
    abi: str
    cores: int | None

    @property
    def os(self) -> str:
        """Such as "Android 14 (API 34)"."""
        level = f" (API {self.sdk})" if self.sdk is not None else ""
        return f"Android {self.release}{level}"


def adb_devices(timeouts: Timeouts | None = None) -> list[DeviceInfo]:
    """Rows for ``mdeploy devices``. Devices that cannot be used are listed with the reason; without adb there are none.

    All devices are asked at once, so that one that hangs costs one timeout.
    """
    try:
        attached = Adb(timeouts=timeouts).attached()
    except UnavailableError as error:
        return [DeviceInfo("adb", "Android devices", available=False, note=str(error))]
    if not attached:
        return []
    with concurrent.futures.ThreadPoolExecutor(min(len(attached), 16)) as pool:
        return list(pool.map(lambda device: _info(device, timeouts), attached))


def select_serials(selector: str | None) -> list[str]:
    """Return the serials that ``adb``, ``adb:SERIAL`` or ``adb:all`` (selector None, SERIAL or "all") mean.

    With ``all`` those that cannot be used are among them: opening them says why, and the others go on.

    Raises:
        UnavailableError: there is no such device, or it cannot be used.
        UsageError: several are attached and none was named.
    """
    attached = Adb().attached()
    if selector == "all":
        if not attached:
            raise UnavailableError(_nothing_attached())
        return [device.serial for device in attached]
    if selector is not None:
        found = next((device for device in attached if device.serial == selector), None)
        if found is None:
            known = ", ".join(device.serial for device in attached) or "none"
            raise UnavailableError(f"adb:{selector}: no such device; attached: {known}")
        _require_usable(found)
        return [selector]
    usable = [device for device in attached if device.state == "device"]
    if len(usable) > 1:
        names = ", ".join(f"adb:{device.serial}" for device in usable)
        raise UsageError(f"{len(usable)} Android devices are attached: name one of {names}, or adb:all")
    if not usable:
        if attached:
            _require_usable(attached[0])
        raise UnavailableError(_nothing_attached())
    return [usable[0].serial]


class AdbDevice:
    """One Android device; a :class:`mdeploy.deployment.devices.base.Device`.

    Raises ``UnavailableError`` when it cannot be used, or runs none of our ABIs.
    """

    slowdown = 1.0

    def __init__(self, serial: str, timeouts: Timeouts | None = None) -> None:
        self.adb = Adb(serial, timeouts)
        self.serial = serial
        self.name = self.adb.label
        _require_usable(next((d for d in self.adb.attached() if d.serial == serial), Attached(serial, "offline", {})))
        self.about = _describe(self.adb)
        self.abi = self.about.abi
        self.description = f"{self.about.model}, {self.about.os}, {self.abi}"
        self._work = f"{_WORK_ROOT}/mdeploy-{secrets.token_hex(6)}"
        self._made = False
        self._directories: set[str] = set()

    def put(self, source: Path, path: str, executable: bool = False) -> None:
        """Copy a file to the device. See ``Device.put``."""
        remote = self._remote(path)
        self._make_directory(remote.rpartition("/")[0])
        limit = self.adb.timeouts.of_transfer(source.stat().st_size)
        self.adb.call(["push", str(source), remote], f"pushing {path}", limit)
        if executable:
            self.adb.require_shell(f"chmod 755 {shlex.quote(remote)}", f"making {path} executable")

    def run(self, command: Sequence[str], *, timeout: float) -> Completed:
        """Run a command in the run's place. See ``Device.run``."""
        self._make_directory(self._work)
        words = [f"./{relative_path(command[0])}", *command[1:]]
        # An inner shell writes its own id and then becomes the command, so that a hanging one can be ended. The exit
        # code goes into a file too: on a lost connection `adb shell` ends with 0, as if all were well.
        line = (
            f"cd {self._work} && rm -f {_EXIT_FILE} && sh -c 'echo $$ > {_PID_FILE} && exec \"$@\"' sh "
            f"{shlex.join(words)}; code=$?; echo $code > {_EXIT_FILE}; exit $code"
        )
        doing = f"running {Path(command[0]).name}"
        try:
            done = self.adb.attempt(["shell", line], doing, timeout)
        except BaseException:
            self._end_command()
            raise
        code = self.adb.shell(f"cat {self._work}/{_EXIT_FILE}", doing).strip()
        if not code.isdigit():
            self.adb.fail(doing, done.stderr.strip() or "connection lost")
        return Completed(int(code), done.stdout, done.stderr)

    def fetch(self, path: str, target: Path) -> None:
        """Copy a file back. See ``Device.fetch``."""
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
            partial = Path(folder) / target.name
            limit = self.adb.timeouts.transfer
            self.adb.call(["pull", self._remote(path), str(partial)], f"fetching {path}", limit)
            partial.replace(target)

    def close(self) -> None:
        """Remove what was put. See ``Device.close``."""
        if not self._made:
            return
        self._made = False
        self._directories.clear()
        # A device that went away keeps the folder; /data/local/tmp is emptied when Android starts.
        with contextlib.suppress(UnavailableError):
            self.adb.shell(f"rm -rf {self._work}", "removing what was pushed")

    def __enter__(self) -> AdbDevice:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _remote(self, path: str) -> str:
        return f"{self._work}/{relative_path(path)}"

    def _make_directory(self, remote: str) -> None:
        if remote in self._directories:
            return
        self._made = True
        self.adb.require_shell(f"mkdir -p {shlex.quote(remote)}", "making its work place")
        self._directories.add(remote)

    def _end_command(self) -> None:
        pid = f'"$(cat {self._work}/{_PID_FILE})"'
        with contextlib.suppress(UnavailableError):
            self.adb.shell(f"kill {pid}; sleep 1; kill -9 {pid}", "ending the command")


def check_heat(adb: Adb) -> None:
    """Refuse to measure on a device that is about to shut down from heat: its figures would mean nothing.

    Raises ``UnavailableError``. Devices before Android 10 have no thermal status; their battery must do.
    """
    text = adb.shell("dumpsys thermalservice 2>/dev/null; dumpsys battery 2>/dev/null", "reading its temperature")
    status = re.search(r"Thermal Status:\s*(\d+)", text)
    if status and int(status[1]) >= _THERMAL_CRITICAL:
        word = _THERMAL_WORDS[min(int(status[1]), len(_THERMAL_WORDS) - 1)]
        raise UnavailableError(
            f"{adb.label}: too hot to measure (thermal status {status[1]}, {word}); let it cool down"
        )
    battery = re.search(r"^\s*temperature:\s*(\d+)\s*$", text, re.MULTILINE)
    if battery and int(battery[1]) / 10 >= _BATTERY_TOO_HOT_C:
        raise UnavailableError(
            f"{adb.label}: too hot to measure (battery at {int(battery[1]) / 10:g} degrees Celsius); let it cool down"
        )


def _require_usable(device: Attached) -> None:
    if device.state != "device":
        raise UnavailableError(f"adb:{device.serial}: {state_note(device.state)}")


def _nothing_attached() -> str:
    return (
        "no Android device is attached: plug one in with USB debugging on (Settings, Developer options), "
        "or `adb connect HOST:PORT`"
    )


def _info(device: Attached, timeouts: Timeouts | None) -> DeviceInfo:
    name = f"adb:{device.serial}"
    model = device.properties.get("model", "Android device").replace("_", " ")
    if device.state != "device":
        return DeviceInfo(name, model, available=False, note=state_note(device.state))
    try:
        about = _describe(Adb(device.serial, timeouts))
    except UnavailableError as error:
        return DeviceInfo(name, model, available=False, note=str(error).removeprefix(f"{name}: "))
    return DeviceInfo(name, about.model, about.abi, about.os, about.cores)


def _describe(adb: Adb) -> Description:
    lines = [line.strip() for line in adb.shell(_DESCRIBE, "asking what it is").split("\n")]
    if len(lines) < 6:
        raise UnavailableError(f"{adb.label}: does not say what it is; is Android up?")
    maker, model, release, sdk, abi_list, abi = lines[:6]
    offered = [name for name in abi_list.split(",") if name] or [abi]
    chosen = next((name for name in offered if name in ABIS), None)
    if chosen is None:
        raise UnavailableError(f"{adb.label}: runs {', '.join(offered)}; the harness is built for {', '.join(ABIS)}")
    named = model if model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()
    return Description(
        model=named or "Android device",
        release=release or "?",
        sdk=int(sdk) if sdk.isdigit() else None,
        abi=chosen,
        cores=_core_count(lines[6] if len(lines) > 6 else ""),
    )


def _core_count(ranges: str) -> int | None:
    """Count the cores of a kernel list such as "0-3,6"."""
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", ranges):
        return None
    bounds: Mapping[str, str] = dict(part.partition("-")[::2] for part in ranges.split(","))
    return sum(int(last or first) - int(first) + 1 for first, last in bounds.items())
