# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The app on an iPhone or in a simulator, driven by Xcode's tools: install, start with the flags, fetch the report.

An app can only be built and signed by Xcode, with its user's team. So the one from ``NAME-ios.zip`` must be there
already, or MDEPLOY_APPLE_APP names the built .app to install.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

from mdeploy.deployment.devices.adb_app import parse_end_marker
from mdeploy.deployment.devices.base import BenchOptions, DeviceInfo
from mdeploy.deployment.devices.xcrun import AppleDevice, Xcrun
from mdeploy.errors import InputError, UnavailableError, UsageError, error_for_status
from mdeploy.formats.artifact import INIT_NET, PREDICT_NET, Artifact
from mdeploy.formats.report import Report
from mdeploy.progress import Tell, quiet

__all__ = ["APP_VARIABLE", "BUNDLE", "apple_infos", "bench_apple", "select_apple"]

BUNDLE = "org.mdeploy.harness"
APP_VARIABLE = "MDEPLOY_APPLE_APP"
_REPORTS = "Documents/reports"
_POLL_SECONDS = 1.0


def apple_infos() -> list[DeviceInfo]:
    """Rows for ``mdeploy devices``. Without Xcode there are none: it can only be on a Mac."""
    try:
        devices = Xcrun().devices()
    except UnavailableError:
        return []
    return [
        DeviceInfo(
            f"apple:{device.udid}",
            f"{device.name} ({device.model}{', simulator' if device.simulator else ''})",
            "arm64",
            device.os,
            None,
            not device.note,
            device.note,
        )
        for device in devices
    ]


def select_apple(udid: str | None) -> AppleDevice:
    """The device that ``apple`` or ``apple:UDID`` means.

    Raises:
        UnavailableError: there is no such device, it cannot be used, or this is no Mac with Xcode.
        UsageError: several are there and none was named.
    """
    devices = Xcrun().devices()
    if udid is not None:
        named = [device for device in devices if device.udid == udid]
        if not named:
            there = ", ".join(device.udid for device in devices) or "none"
            raise UnavailableError(f"--device apple:{udid}: no such device; there are: {there}")
        devices = named
    elif not devices:
        raise UnavailableError("--device apple: no iPhone is connected and no simulator runs")
    usable = [device for device in devices if not device.note]
    if not usable:
        raise UnavailableError(f"{devices[0].name}: {devices[0].note}")
    if len(usable) > 1:
        names = ", ".join(f"apple:{device.udid} ({device.name})" for device in usable)
        raise UsageError(f"--device apple: several are there, name one: {names}")
    return usable[0]


def bench_apple(artifact: Artifact, device: AppleDevice, options: BenchOptions, tell: Tell = quiet) -> Report:
    """Run one benchmark in the app and return its report, whatever its status.

    Raises:
        UnavailableError: the app is not there, or does not end in time.
        InputError: what came back is no report, or the app's nets are not the artifact's.
        MdeployError: what the app says went wrong, where it could not write a report.
    """
    xcrun = Xcrun()
    app = os.environ.get(APP_VARIABLE)
    if app:
        if not Path(app).is_dir():
            raise InputError(f"{APP_VARIABLE}={app}: there is no such app")
        tell(f"installing on {device.name}")
        xcrun.install(device, Path(app))
    run_id = secrets.token_hex(8)
    flags = " ".join(["--tol", repr(options.tolerance), *options.arguments()])
    tell(f"running on {device.name}")
    words = ["--mdeploy-id", run_id, "--mdeploy-net", artifact.name, "--mdeploy-args", flags]
    try:
        xcrun.launch(device, BUNDLE, words)
    except UnavailableError as error:
        raise UnavailableError(
            f"{error}; the app comes from `mdeploy package --target ios` and Xcode, or {APP_VARIABLE} names a built one"
        ) from error
    end = _wait(xcrun, device, f"{_REPORTS}/{run_id}.end", options.timeout_seconds())
    marker = parse_end_marker(end)
    text = xcrun.fetch(device, BUNDLE, f"{_REPORTS}/{run_id}.json")
    if text is None:
        reason = marker.error if marker is not None and marker.error else "the app failed and wrote no report"
        raise error_for_status(marker.exit_code if marker is not None else 70, f"{device.name}: {reason}")
    report = Report.from_text(text, f"{device.name}: report")
    _check_nets(report, artifact, device)
    return report


def _wait(xcrun: Xcrun, device: AppleDevice, path: str, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        text = xcrun.fetch(device, BUNDLE, path)
        if text is not None:
            return text
        time.sleep(_POLL_SECONDS)
    raise UnavailableError(
        f"{device.name}: the app did not end within {seconds:.0f} s; is it unlocked, and the app in front?"
    )


def _check_nets(report: Report, artifact: Artifact, device: AppleDevice) -> None:
    for name in (INIT_NET, PREDICT_NET):
        measured, ours = report.files.get(name), artifact.manifest.files[name]
        if measured is not None and measured.sha256 not in (None, ours.sha256):
            raise InputError(
                f"{device.name}: {name} in the app is not this artifact's; package it again and run it from Xcode once"
            )
