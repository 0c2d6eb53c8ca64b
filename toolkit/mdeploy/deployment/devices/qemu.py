# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Phones' code on this machine under qemu's user-mode emulator: shows whether results are right, not how fast."""

from __future__ import annotations

import shutil

from mdeploy.deployment.devices.base import DeviceInfo
from mdeploy.deployment.devices.local import LocalDevice
from mdeploy.errors import UnavailableError, UsageError

__all__ = ["EMULATORS", "QemuDevice", "qemu_infos"]

EMULATORS = {
    "arm64-v8a": ("qemu-aarch64-static", "qemu-aarch64"),
    "armeabi-v7a": ("qemu-arm-static", "qemu-arm"),
    "x86_64": ("qemu-x86_64-static", "qemu-x86_64"),
}
"""Names of the emulator's executable by ABI, the static one first."""

_INSTALL = "install it with: apt-get install qemu-user-static"


def qemu_infos() -> list[DeviceInfo]:
    """Rows for ``mdeploy devices``: Android's two ARM ABIs."""
    rows = []
    for abi, name in (("arm64-v8a", "qemu"), ("armeabi-v7a", "qemu:armeabi-v7a")):
        found = _emulator(abi)
        note = "" if found else f"{EMULATORS[abi][0]} is not on PATH; {_INSTALL}"
        rows.append(DeviceInfo(name, "emulator, for correctness only", abi, "Linux", None, found is not None, note))
    return rows


class QemuDevice(LocalDevice):
    """Runs the harness of another ABI under qemu; a :class:`mdeploy.deployment.devices.base.Device`.

    Raises ``UsageError`` for an ABI that there is no harness for, ``UnavailableError`` when qemu is not installed.
    """

    slowdown = 30.0

    def __init__(self, abi: str = "arm64-v8a") -> None:
        if abi not in EMULATORS:
            raise UsageError(f"--device qemu:{abi}: must be one of {', '.join(EMULATORS)}")
        emulator = _emulator(abi)
        if emulator is None:
            raise UnavailableError(f"--device qemu: {EMULATORS[abi][0]} is not on PATH; {_INSTALL}")
        super().__init__()
        self.name = "qemu" if abi == "arm64-v8a" else f"qemu:{abi}"
        self.abi = abi
        self.description = f"qemu, emulating {abi}"
        # All of the processor's extensions, so that every kernel that a phone may choose is among those that run.
        self._command = [emulator, "-cpu", "max"]

    def _prefix(self) -> list[str]:
        return self._command


def _emulator(abi: str) -> str | None:
    return next((path for name in EMULATORS[abi] if (path := shutil.which(name))), None)
