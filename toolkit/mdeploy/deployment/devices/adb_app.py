# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The installed app, driven over ``adb``: install, start with the flags, wait for its end marker, fetch the report.

The app runs in the foreground with its own process, cores and clocks, which is what users of a product get; a shell
runs elsewhere. What passes between host and app is small and fixed: an id and flags in the intent's extras, one log
line at the end (see ``Outcome.endMarker`` in ``android_harness``), and the report by ``run-as``.
"""

from __future__ import annotations

import contextlib
import hashlib
import queue
import re
import secrets
import shlex
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from mdeploy.deployment.devices.adb import check_heat
from mdeploy.deployment.devices.adb_client import Adb, Timeouts
from mdeploy.deployment.devices.base import BenchOptions
from mdeploy.deployment.package.apk import PACKAGE_ID
from mdeploy.errors import InputError, UnavailableError, error_for_status
from mdeploy.progress import Tell

__all__ = ["AppResult", "EndMarker", "bench_app", "parse_end_marker"]

_ACTIVITY = f"{PACKAGE_ID}/.MainActivity"
_TAG = "mdeploy"
# Beside the app's own lines, what Android logs when a process dies: Java's uncaught exceptions, native crashes.
_LOG_FILTERS = (f"{_TAG}:I", "AndroidRuntime:E", "DEBUG:F", "libc:F")
_ALIVE_EVERY_SECONDS = 10.0
_START_GRACE_SECONDS = 20.0

_REFUSALS = {
    "INSTALL_FAILED_UPDATE_INCOMPATIBLE": "it has the app signed with another key; "
    f"`adb uninstall {PACKAGE_ID}` first, or give that key with --keystore",
    "INSTALL_FAILED_USER_RESTRICTED": "it wants its user to allow that; accept on its screen, or switch on "
    "'Install via USB' among the developer options",
    "INSTALL_FAILED_INSUFFICIENT_STORAGE": "no space left on the device; free some and try again",
    "INSTALL_FAILED_OLDER_SDK": "the app needs Android 8.0 (API 26) or newer",
    "INSTALL_FAILED_NO_MATCHING_ABIS": "the app has no harness for its ABI",
    "INSTALL_FAILED_VERIFICATION_FAILURE": "its package verifier refused; switch off 'Verify apps over USB'",
}


@dataclass(frozen=True)
class EndMarker:
    """The app's last log line of a run. ``report`` is a path below the app's data directory, None without a report."""

    run_id: str
    exit_code: int
    report: str | None = None
    size: int | None = None
    sha256: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class AppResult:
    """The report as JSON text, and the exit code that goes with it."""

    report: str
    exit_code: int


def bench_app(
    serial: str,
    apk: Path,
    options: BenchOptions,
    timeouts: Timeouts | None = None,
    on_phase: Tell | None = None,
) -> AppResult:
    """Run one benchmark in the app of ``apk`` on one device and return its report.

    ``on_phase`` hears of phases such as "measure". An app that was not installed before is removed afterwards.

    Raises:
        UnavailableError: the device refuses the app, goes away, or does not end in time; the app died.
        MdeployError: what the harness itself reports without being able to write a report.
    """
    adb = Adb(serial, timeouts)
    run_id = secrets.token_hex(8)
    check_heat(adb)
    was_there = "package:" in adb.shell(f"pm path {PACKAGE_ID}", "looking for the app")
    try:
        _install(adb, apk)
        with _log(adb) as lines:
            _start(adb, run_id, options)
            marker = _wait(adb, lines, run_id, options.timeout_seconds(), on_phase)
        return _fetch(adb, marker)
    finally:
        _clean_up(adb, run_id, was_there)


def parse_end_marker(line: str) -> EndMarker | None:
    """Parse a log line; None for any other line."""
    match = re.match(r"\s*MDeployDone id=(\S+) exit=(\d+) status=\S+(.*)", line)
    if match is None:
        return None
    run_id, exit_code, rest = match.groups()
    head, separator, error = rest.partition(" error=")
    fields = dict(word.split("=", 1) for word in head.split() if "=" in word)
    size = fields.get("bytes", "")
    return EndMarker(
        run_id,
        int(exit_code),
        fields.get("report"),
        int(size) if size.isdigit() else None,
        fields.get("sha256"),
        error.strip() if separator else None,
    )


def _install(adb: Adb, apk: Path) -> None:
    limit = adb.timeouts.install + apk.stat().st_size / adb.timeouts.bytes_per_second
    doing = "installing the app"
    done = adb.attempt(["install", "-r", "-t", str(apk)], doing, limit)
    said = f"{done.stdout}\n{done.stderr}"
    if done.returncode == 0 and "Success" in said:
        return
    code = re.search(r"INSTALL_[A-Z_]+", said)
    if code is None:
        adb.fail(doing, done.stderr.strip() or done.stdout.strip())
    reason = _REFUSALS.get(code[0])
    raise UnavailableError(f"{adb.label}: refuses the app ({code[0]})" + (f": {reason}" if reason else ""))


@contextmanager
def _log(adb: Adb) -> Iterator[queue.Queue[str | None]]:
    """Follow the device's log from now on; None in the queue means that the log has ended."""
    command = adb.command(["shell", f"exec logcat -v raw -T 1 -s {shlex.join(_LOG_FILTERS)}"])
    lines: queue.Queue[str | None] = queue.Queue()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    )

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.rstrip("\r\n"))
        lines.put(None)

    reader = threading.Thread(target=read, name=f"logcat-{adb.serial}", daemon=True)
    reader.start()
    try:
        yield lines
    finally:
        process.kill()
        process.wait()
        reader.join()


def _start(adb: Adb, run_id: str, options: BenchOptions) -> None:
    flags = shlex.join([*options.arguments(), "--tol", repr(options.tolerance)])
    extras = f"--es mdeploy.id {run_id} --es mdeploy.args {shlex.quote(flags)}"
    # -S ends an app that is left from before: every run starts in a fresh process.
    command = f"input keyevent KEYCODE_WAKEUP; am start -W -S -n {_ACTIVITY} {extras} 2>&1"
    said = adb.shell(command, "starting the app", adb.timeouts.short + _START_GRACE_SECONDS)
    problem = re.search(r"^(?:Error|Exception|.*Exception:).*$", said, re.MULTILINE)
    if problem:
        raise UnavailableError(f"{adb.label}: the app does not start: {problem[0][:200]}")


def _wait(
    adb: Adb,
    lines: queue.Queue[str | None],
    run_id: str,
    timeout: float,
    on_phase: Tell | None,
) -> EndMarker:
    deadline = time.monotonic() + timeout
    crash: list[str] = []
    was_missing = False
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise UnavailableError(
                f"{adb.label}: the app did not end within {timeout:.0f} s; is its screen on and the app in front?"
            )
        try:
            line = lines.get(timeout=min(remaining, _ALIVE_EVERY_SECONDS))
        except queue.Empty:
            # Asking costs the device a process, so it is done only where the log has been silent.
            missing = not _is_alive(adb)
            if missing and was_missing:
                _died(adb, crash)
            was_missing = missing
            continue
        if line is None:
            if not adb.is_there():
                adb.fail("waiting for the app", "connection lost")
            _died(adb, crash)
        marker = parse_end_marker(line)
        if marker is not None and marker.run_id == run_id:
            return marker
        if on_phase is not None and line.startswith("MDeployPhase "):
            on_phase(line.removeprefix("MDeployPhase ").strip())
        if re.search(r"FATAL EXCEPTION|Fatal signal|Exception:|Error:|signal \d+ \(SIG", line):
            crash.append(line.strip())
            if "Fatal signal" in line or "FATAL EXCEPTION" in line:
                was_missing = True  # the next silence is enough


def _is_alive(adb: Adb) -> bool:
    return bool(adb.shell(f"pidof {PACKAGE_ID}", "asking after the app").strip())


def _died(adb: Adb, crash: list[str]) -> NoReturn:
    why = f": {crash[-1][:200]}" if crash else " (out of memory, or stopped by someone?)"
    raise UnavailableError(f"{adb.label}: the app ended without a result{why}")


def _fetch(adb: Adb, marker: EndMarker) -> AppResult:
    if marker.report is None:
        raise error_for_status(marker.exit_code, f"{adb.label}: {marker.error or 'the app failed and wrote no report'}")
    doing = "fetching the report"
    command = ["exec-out", f"run-as {PACKAGE_ID} cat {shlex.quote(marker.report)}"]
    text = adb.call(command, doing, adb.timeouts.transfer)
    if text.startswith("run-as:"):
        raise UnavailableError(f"{adb.label}: {text.strip()[:200]}; only a debuggable build of the app can be driven")
    content = text.encode()
    if marker.sha256 is not None and hashlib.sha256(content).hexdigest() != marker.sha256:
        raise InputError(f"{adb.label}: the report arrived with {len(content)} of {marker.size} bytes, or changed")
    return AppResult(text, marker.exit_code)


def _clean_up(adb: Adb, run_id: str, was_there: bool) -> None:
    if was_there:
        remove = f"am force-stop {PACKAGE_ID}; run-as {PACKAGE_ID} rm -f files/reports/{run_id}.json"
    else:
        remove = f"am force-stop {PACKAGE_ID}; pm uninstall {PACKAGE_ID}"
    with contextlib.suppress(UnavailableError):
        adb.shell(remove, "removing the app")
