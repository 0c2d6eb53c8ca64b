# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What the Android tests share: devices (stand-in daemons on a private adb server), a real artifact, the app's base.

xdist may spread these tests over its workers: a lock keeps two Mavens out of one folder.
"""

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

from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.deployment.package.android_base import build_base
from mdeploy.deployment.package.apk import build_apk
from mdeploy.formats.artifact import Artifact


@pytest.fixture(scope="session")
def image(repository: Path) -> Path:
    """An image that is larger than the model's input."""
    return repository / "examples" / "demo_picture.png"


@pytest.fixture(scope="session")
def artifact(bundled_checkpoint: Path, image: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The bundled model, converted, with a golden case made from the image."""
    folder = tmp_path_factory.mktemp("android-artifact")
    (folder / "pictures").mkdir()
    shutil.copy(image, folder / "pictures")
    options = ConvertOptions(output=folder / "artifact", golden_images=folder / "pictures")
    convert(bundled_checkpoint, options)
    return Artifact.open(folder / "artifact")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's base, built from source."""
    for tool in ("mvn", "javac", "aapt2"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    return build_base(tmp_path_factory.mktemp("android-base") / "android-base.zip")


@pytest.fixture(scope="session")
def apk(artifact: Artifact, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The signed app with the model in it."""
    folder = tmp_path_factory.mktemp("apk")
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_DATA_HOME", str(folder))
    try:
        return build_apk(artifact, folder / "model.apk", base=base)
    finally:
        patch.undo()


@pytest.fixture(scope="session")
def adb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment of an adb server of our own: its port and its keys are nobody else's."""
    if shutil.which("adb") is None:
        pytest.skip("adb is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("adb-home")
    # The caches stay where they are: a harness that a test needs would otherwise be built from nothing, zig's own
    # libraries included.
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    environment = {
        "ANDROID_ADB_SERVER_PORT": str(port),
        "HOME": str(home),
        "XDG_CACHE_HOME": cache,
        "ADB_MDNS": "0",
    }
    # Not captured: the server that this starts keeps the pipes open for as long as it lives.
    subprocess.run(["adb", "start-server"], env={**os.environ, **environment}, check=True, stderr=subprocess.DEVNULL)
    yield environment
    subprocess.run(["adb", "kill-server"], env={**os.environ, **environment}, check=False, capture_output=True)


@pytest.fixture
def plug_in(
    adb_server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., StandIn]]:
    """Plug in a device: a function that makes a stand-in, connects adb to it and returns it."""
    # The port alone leads to our server, which has its private home already; with another HOME the cache of harnesses
    # would not be found.
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", adb_server["ANDROID_ADB_SERVER_PORT"])
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
