# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""This machine, and qemu, as devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdeploy.deployment.devices import list_devices, openers
from mdeploy.deployment.devices.base import BenchOptions, Device, relative_path
from mdeploy.deployment.devices.local import LocalDevice
from mdeploy.deployment.devices.qemu import EMULATORS, QemuDevice
from mdeploy.errors import InputError, UnavailableError, UsageError


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script"
    path.write_text('#!/bin/sh\ncat data/in.txt; echo "$1" >&2; echo done > out.txt; exit 7\n')
    return path


def test_puts_runs_and_fetches(script: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("hello")
    with LocalDevice() as device:
        assert isinstance(device, Device)
        device.put(script, "bin/script", executable=True)
        device.put(tmp_path / "in.txt", "data/in.txt")
        done = device.run(["bin/script", "to the side"], timeout=30)
        assert (done.exit_code, done.stdout, done.stderr) == (7, "hello", "to the side\n")
        device.fetch("out.txt", tmp_path / "back.txt")
        assert (tmp_path / "back.txt").read_text() == "done\n"
        with pytest.raises(UnavailableError, match=r"missing\.txt is not there"):
            device.fetch("missing.txt", tmp_path / "x")


def test_leaves_nothing_behind(script: Path) -> None:
    device = LocalDevice()
    folder = device._path(".")
    device.put(script, "script", executable=True)
    device.close()
    device.close()
    assert not folder.exists()


def test_a_hanging_command_is_ended(tmp_path: Path) -> None:
    hang = tmp_path / "hang"
    hang.write_text("#!/bin/sh\nexec sleep 600\n")
    with LocalDevice() as device:
        device.put(hang, "hang", executable=True)
        with pytest.raises(UnavailableError, match=r"hang did not end in 0 s|hang did not end in 1 s"):
            device.run(["hang"], timeout=0.5)


def test_a_signal_is_an_exit_code(tmp_path: Path) -> None:
    script = tmp_path / "die"
    script.write_text("#!/bin/sh\nkill -TERM $$\n")
    with LocalDevice() as device:
        device.put(script, "die", executable=True)
        assert device.run(["die"], timeout=30).exit_code == 128 + 15


def test_what_cannot_be_started_or_copied(tmp_path: Path) -> None:
    with LocalDevice() as device:
        with pytest.raises(UnavailableError, match="cannot start"):
            device.run(["nothing"], timeout=1)
        with pytest.raises(UnavailableError, match="cannot copy"):
            device.put(tmp_path / "nothing", "x")


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../x", "", "a//b", "a\\b", "./a"])
def test_paths_stay_inside(path: str) -> None:
    with pytest.raises(InputError, match="not a path inside"):
        relative_path(path)


def test_qemu_is_there_or_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UnavailableError, match="apt-get install qemu-user-static"):
        QemuDevice()
    rows = {info.name: info for info in list_devices()}
    assert not rows["qemu"].available
    assert "qemu-user-static" in rows["qemu"].note
    assert rows["local"].available


@pytest.mark.parametrize(
    "selector", ["", "phone", "local:", "local:x", "qemu:", "adb:", "qemu:mips", "apple", "apple:1", "LOCAL"]
)
def test_selectors_that_mean_nothing(selector: str) -> None:
    with pytest.raises(UsageError, match="--device"):
        openers(selector)[0][1]()


def test_selectors() -> None:
    assert [name for name, _ in openers("local")] == ["local"]
    assert [name for name, _ in openers("qemu")] == ["qemu"]
    assert [name for name, _ in openers("qemu:armeabi-v7a")] == ["qemu:armeabi-v7a"]
    assert set(EMULATORS) == {"arm64-v8a", "armeabi-v7a", "x86_64"}


def test_options_become_flags() -> None:
    assert BenchOptions().arguments() == []
    options = BenchOptions(2, 3, 4, 0.5, 1.5, 2, "f0", 10.0, True)
    assert options.arguments() == [
        *("--threads", "2", "--warmup", "3", "--runs", "4", "--min-seconds", "0.5", "--cooldown", "1.5"),
        *("--rounds", "2", "--affinity", "f0", "--sustained", "10.0", "--profile"),
    ]
    assert options.timeout_seconds() > 660
    assert options.timeout_seconds(30) > options.timeout_seconds()
