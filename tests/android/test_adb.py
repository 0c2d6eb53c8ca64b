# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Devices over the real adb client, against stand-in daemons, with everything that goes wrong with phones."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from adbd_stand_in import StandIn

from mdeploy.deployment.devices.adb import AdbDevice, adb_devices, check_heat, select_serials
from mdeploy.deployment.devices.adb_client import Adb, Timeouts
from mdeploy.deployment.devices.base import Device
from mdeploy.errors import InputError, UnavailableError, UsageError

PlugIn = Callable[..., StandIn]
IMPATIENT = Timeouts(short=2.0, transfer=3.0, install=3.0)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A program for the device."""
    path = tmp_path / "program"
    path.write_text('#!/bin/sh\necho "out $*"; echo err >&2; cat data/in.txt > result; exit "$1"\n')
    return path


def work_places(device: StandIn) -> list[str]:
    return sorted(path.name for path in (device.root / "data/local/tmp").iterdir())


def test_put_run_fetch_and_nothing_left(plug_in: PlugIn, script: Path, tmp_path: Path) -> None:
    phone = plug_in()
    content = os.urandom(700_000)
    (tmp_path / "in.txt").write_bytes(content)
    with AdbDevice(phone.serial) as device:
        assert isinstance(device, Device)
        assert device.name == f"adb:{phone.serial}"
        assert device.abi == "x86_64"
        assert device.description == "Acme Test Phone, Android 15 (API 35), x86_64"
        device.put(script, "program", executable=True)
        device.put(tmp_path / "in.txt", "data/in.txt")
        done = device.run(["program", "7", "a b", "$HOME", "it's"], timeout=20)
        assert (done.exit_code, done.stdout, done.stderr) == (7, "out 7 a b $HOME it's\n", "err\n")
        device.fetch("result", tmp_path / "result")
        assert (tmp_path / "result").read_bytes() == content
        assert len(work_places(phone)) == 1
    assert work_places(phone) == []
    device.close()  # again does nothing


def test_two_devices_do_not_meet(plug_in: PlugIn, script: Path, tmp_path: Path) -> None:
    first, second = plug_in(), plug_in({"ro.product.model": "Other"})
    (tmp_path / "in.txt").write_text("x")
    results: dict[str, str] = {}

    def use(serial: str) -> None:
        with AdbDevice(serial) as device:
            device.put(script, "program", executable=True)
            device.put(tmp_path / "in.txt", "data/in.txt")
            results[serial] = device.run(["program", "0", serial], timeout=20).stdout

    threads = [threading.Thread(target=use, args=(phone.serial,)) for phone in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {phone.serial: f"out 0 {phone.serial}\n" for phone in (first, second)}
    assert sorted(select_serials("all")) == sorted([first.serial, second.serial])
    with pytest.raises(UsageError, match="2 Android devices are attached: name one of"):
        select_serials(None)


def test_listing(plug_in: PlugIn) -> None:
    good = plug_in()
    strange = plug_in({"ro.product.cpu.abi": "mips", "ro.product.cpu.abilist": "mips"})
    locked = plug_in(unauthorized=True)
    slow = plug_in()
    slow.faults.hang_on = "getprop"
    rows = {row.name: row for row in adb_devices(IMPATIENT)}
    row = rows[f"adb:{good.serial}"]
    assert (row.description, row.abi, row.os, row.available) == (
        "Acme Test Phone",
        "x86_64",
        "Android 15 (API 35)",
        True,
    )
    assert row.cores == os.cpu_count()
    assert not rows[f"adb:{strange.serial}"].available
    assert "runs mips; the harness is built for arm64-v8a" in rows[f"adb:{strange.serial}"].note
    assert "accept the question about USB debugging" in rows[f"adb:{locked.serial}"].note
    assert "no answer within 2 s" in rows[f"adb:{slow.serial}"].note


def test_the_best_abi_is_chosen(plug_in: PlugIn) -> None:
    phone = plug_in({"ro.product.cpu.abi": "arm64-v8a", "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a,armeabi"})
    assert AdbDevice(phone.serial).abi == "arm64-v8a"
    old = plug_in({"ro.product.cpu.abi": "armeabi-v7a", "ro.product.cpu.abilist": ""})
    assert AdbDevice(old.serial).abi == "armeabi-v7a"


def test_selecting(plug_in: PlugIn) -> None:
    with pytest.raises(UnavailableError, match="no Android device is attached"):
        select_serials(None)
    phone = plug_in()
    assert select_serials(None) == [phone.serial]
    assert select_serials(phone.serial) == [phone.serial]
    with pytest.raises(UnavailableError, match=f"adb:nothing: no such device; attached: {phone.serial}"):
        select_serials("nothing")
    locked = plug_in(unauthorized=True)
    assert select_serials(None) == [phone.serial]
    with pytest.raises(UnavailableError, match="unlock it and accept"):
        AdbDevice(locked.serial)


def test_disconnected_in_the_middle_of_a_push(plug_in: PlugIn, tmp_path: Path) -> None:
    phone, other = plug_in(), plug_in()
    phone.faults.cut_push_after = 300_000
    (tmp_path / "big").write_bytes(os.urandom(4_000_000))
    with AdbDevice(phone.serial) as device, pytest.raises(UnavailableError, match=r"disconnected while pushing big"):
        device.put(tmp_path / "big", "big")
    with AdbDevice(other.serial) as device:  # the server and the other device go on
        device.put(tmp_path / "big", "big")


def test_full_disk(plug_in: PlugIn, tmp_path: Path) -> None:
    phone = plug_in()
    phone.faults.full_after = 100_000
    (tmp_path / "big").write_bytes(os.urandom(2_000_000))
    with (
        AdbDevice(phone.serial) as device,
        pytest.raises(UnavailableError, match="no space left on the device while pushing big"),
    ):
        device.put(tmp_path / "big", "big")
    assert work_places(phone) == []


def test_disconnected_while_running(plug_in: PlugIn, tmp_path: Path) -> None:
    phone = plug_in()
    phone.faults.cut_on = r"\./program"
    (tmp_path / "program").write_text("#!/bin/sh\nsleep 30\n")
    with AdbDevice(phone.serial) as device:
        device.put(tmp_path / "program", "program", executable=True)
        with pytest.raises(UnavailableError, match="disconnected while running program"):
            device.run(["program"], timeout=20)


def test_a_command_that_hangs_is_ended_on_the_device(plug_in: PlugIn, tmp_path: Path) -> None:
    phone = plug_in()
    (tmp_path / "program").write_text("#!/bin/sh\necho $$ > pid\nexec sleep 600\n")
    with AdbDevice(phone.serial) as device:
        device.put(tmp_path / "program", "program", executable=True)
        with pytest.raises(UnavailableError, match="no answer within 1 s while running program"):
            device.run(["program"], timeout=1)
        pid = int((phone.root / "data/local/tmp" / work_places(phone)[0] / "pid").read_text())
    deadline = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)
    assert work_places(phone) == []


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_device_that_never_answers(plug_in: PlugIn, tmp_path: Path) -> None:
    phone = plug_in()
    device = AdbDevice(phone.serial, IMPATIENT)
    phone.faults.hang_on = "mkdir"
    with pytest.raises(UnavailableError, match="no answer within 2 s while making its work place"):
        device.put(tmp_path / "x", "x")


def test_a_slow_device_is_waited_for(plug_in: PlugIn, script: Path, tmp_path: Path) -> None:
    phone = plug_in()
    phone.faults.delay = 0.4
    (tmp_path / "in.txt").write_text("x")
    with AdbDevice(phone.serial) as device:
        device.put(script, "program", executable=True)
        device.put(tmp_path / "in.txt", "data/in.txt")
        assert device.run(["program", "0"], timeout=20).exit_code == 0


def test_exit_codes_that_adb_uses_too(plug_in: PlugIn, tmp_path: Path) -> None:
    phone = plug_in()
    (tmp_path / "program").write_text('#!/bin/sh\nexit "$1"\n')
    with AdbDevice(phone.serial) as device:
        device.put(tmp_path / "program", "program", executable=True)
        for code in (0, 1, 2, 3, 70, 130, 255):
            assert device.run(["program", str(code)], timeout=20).exit_code == code


def test_a_killed_command(plug_in: PlugIn, tmp_path: Path) -> None:
    phone = plug_in()
    (tmp_path / "program").write_text("#!/bin/sh\nkill -9 $$\n")
    with AdbDevice(phone.serial) as device:
        device.put(tmp_path / "program", "program", executable=True)
        assert device.run(["program"], timeout=20).exit_code == 128 + 9


def test_what_is_not_there(plug_in: PlugIn, tmp_path: Path) -> None:
    phone = plug_in()
    with AdbDevice(phone.serial) as device:
        with pytest.raises(UnavailableError, match=r"fetching report\.json failed"):
            device.fetch("report.json", tmp_path / "report.json")
        assert list(tmp_path.glob("report*")) == []
        for path in ("/etc/passwd", "../x", "a//b"):
            with pytest.raises(InputError):
                device.fetch(path, tmp_path / "x")
    with pytest.raises(UnavailableError, match="adb:gone"):
        AdbDevice("gone")


def test_heat(plug_in: PlugIn) -> None:
    phone = plug_in()
    check_heat(Adb(phone.serial))
    phone.state(battery_tenths=520)
    with pytest.raises(UnavailableError, match="battery at 52 degrees"):
        check_heat(Adb(phone.serial))
    phone.state(thermal_status=4, battery_tenths=300)
    with pytest.raises(UnavailableError, match=r"too hot to measure \(thermal status 4, critical\)"):
        check_heat(Adb(phone.serial))


def test_without_adb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UnavailableError, match="apt-get install adb"):
        select_serials(None)
    (row,) = adb_devices()
    assert not row.available
    assert "apt-get install adb" in row.note
