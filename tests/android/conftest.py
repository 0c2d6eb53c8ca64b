# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Devices for the tests: stand-in daemons that a private adb server is connected to."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from adbd_stand_in import StandIn


@pytest.fixture(scope="session")
def adb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment of an adb server of our own: its port and its keys are nobody else's."""
    if shutil.which("adb") is None:
        pytest.skip("adb is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("adb-home")
    environment = {"ANDROID_ADB_SERVER_PORT": str(port), "HOME": str(home), "ADB_MDNS": "0"}
    # Not captured: the server that this starts keeps the pipes open for as long as it lives.
    subprocess.run(["adb", "start-server"], env={**os.environ, **environment}, check=True, stderr=subprocess.DEVNULL)
    yield environment
    subprocess.run(["adb", "kill-server"], env={**os.environ, **environment}, check=False, capture_output=True)


@pytest.fixture
def plug_in(
    adb_server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., StandIn]]:
    """Plug in a device: a function that makes a stand-in, connects adb to it and returns it."""
    for name, value in adb_server.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    devices: list[StandIn] = []

    def make(properties: dict[str, str] | None = None, unauthorized: bool = False) -> StandIn:
        device = StandIn(tmp_path / f"device{len(devices)}", properties)
        device.faults.unauthorized = unauthorized
        devices.append(device)
        subprocess.run(["adb", "connect", device.serial], check=True, capture_output=True, timeout=30)
        return device

    yield make
    for device in devices:
        device.stop()
        subprocess.run(["adb", "disconnect", device.serial], check=False, capture_output=True, timeout=30)
