# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Where the harness can run: here, under an emulator, on phones. One protocol for all: put, run, fetch, close."""

from __future__ import annotations

from collections.abc import Callable

from mdeploy.deployment.devices.base import Device, DeviceInfo
from mdeploy.deployment.devices.local import LocalDevice, local_info
from mdeploy.deployment.devices.qemu import QemuDevice, qemu_infos
from mdeploy.errors import UsageError

__all__ = ["list_devices", "openers"]

Opener = Callable[[], Device]


def list_devices() -> list[DeviceInfo]:
    """Every device that can be named, usable or not."""
    from mdeploy.deployment.devices.adb import adb_devices
    from mdeploy.deployment.devices.apple import apple_infos

    return [local_info(), *qemu_infos(), *adb_devices(), *apple_infos()]


def openers(selector: str) -> list[tuple[str, Opener]]:
    """Name and opener of each device that a ``--device`` selector means; only ``adb:all`` means several.

    Opening is left to the caller, so that one device that cannot be used leaves the others going.

    Raises:
        UsageError: the selector means nothing, or more than one device where one is wanted.
        UnavailableError: there is no such device.
    """
    kind, colon, detail = selector.partition(":")
    if colon and not detail:
        raise UsageError(f"--device {selector}: nothing follows the colon")
    if kind == "local" and not detail:
        return [("local", LocalDevice)]
    if kind == "qemu":
        return [(selector, lambda: QemuDevice(detail or "arm64-v8a"))]
    if kind == "adb":
        from mdeploy.deployment.devices.adb import AdbDevice, select_serials

        return [(f"adb:{serial}", _opener(AdbDevice, serial)) for serial in select_serials(detail or None)]
    raise UsageError(f"--device {selector}: must be local, qemu[:ABI], adb[:SERIAL|:all] or apple[:UDID]")


def _opener(kind: Callable[[str], Device], serial: str) -> Opener:
    return lambda: kind(serial)
