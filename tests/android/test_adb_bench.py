# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The whole loop over adb with the real harness: command-line and app mode, one device and several, with faults."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from adbd_stand_in import StandIn

from mdeploy.cli.main import run as mdeploy
from mdeploy.deployment.devices import adb_app
from mdeploy.deployment.devices.adb_app import EndMarker, bench_app, parse_end_marker
from mdeploy.deployment.devices.adb_client import Timeouts
from mdeploy.deployment.devices.base import BenchOptions
from mdeploy.deployment.devices.fleet import bench_all
from mdeploy.errors import InputError, UnavailableError, UsageError
from mdeploy.formats.artifact import Artifact

PlugIn = Callable[..., StandIn]
QUICK = BenchOptions(runs=3, warmup=1, threads=1)
IMPATIENT = Timeouts(short=5.0, transfer=5.0, install=5.0)


class Hasty(BenchOptions):
    """Options that give a run a few seconds."""

    def timeout_seconds(self, slowdown: float = 1.0) -> float:
        return 3.0


def left_on(device: StandIn) -> list[str]:
    """What was put onto the device and is still there."""
    places = [device.root / "data" / "local" / "tmp", device.root / "data" / "app", device.root / "data" / "data"]
    return [str(path.relative_to(device.root)) for place in places if place.exists() for path in place.iterdir()]


def test_command_line_mode(
    plug_in: PlugIn, artifact: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone = plug_in()
    code = mdeploy(
        ["bench", str(artifact.path), "--device", "adb", "--runs", "3", "--threads", "1", "-o", str(tmp_path), "--json"]
    )
    assert code == 0
    report = json.loads(capsys.readouterr().out)
    assert report["runner"] == "cli"
    assert report["latency_ms"]["n"] == 3
    assert all(row["passed"] for row in report["parity"])
    assert len(list(tmp_path.glob(f"*-bench-adb-{phone.serial.replace(':', '-')}.json"))) == 1
    assert left_on(phone) == []


def test_app_mode(plug_in: PlugIn, artifact: Artifact, apk: Path) -> None:
    phone = plug_in()
    phases: list[str] = []
    result = bench_app(phone.serial, apk, QUICK, on_phase=phases.append)
    report = json.loads(result.report)
    assert result.exit_code == 0
    assert report["runner"] == "app_child"
    assert report["model"]["name"] == artifact.name
    assert report["latency_ms"]["n"] == 3
    assert phases == ["measure"]
    assert left_on(phone) == []


def test_an_app_that_was_there_stays(plug_in: PlugIn, apk: Path) -> None:
    phone = plug_in()
    (phone.root / "data/app/org.mdeploy.harness").mkdir(parents=True)
    (phone.root / "data/app/org.mdeploy.harness/base.apk").write_bytes(b"PK of an older version")
    bench_app(phone.serial, apk, QUICK)
    assert (phone.root / "data/app/org.mdeploy.harness/base.apk").read_bytes() == apk.read_bytes()
    assert list((phone.root / "data/data/org.mdeploy.harness/files/reports").iterdir()) == []


def test_all_devices_at_once_each_with_its_own_fate(plug_in: PlugIn, artifact: Artifact, tmp_path: Path) -> None:
    good, full, gone, locked = plug_in(), plug_in(), plug_in(), plug_in(unauthorized=True)
    full.faults.full_after = 3_000_000
    gone.faults.cut_push_after = 2_000_000
    outcomes = {o.device.removeprefix("adb:"): o for o in bench_all(artifact, ["adb:all"], QUICK, tmp_path)}
    assert outcomes[good.serial].error is None
    assert outcomes[good.serial].report is not None
    assert "no space left on the device while pushing" in str(outcomes[full.serial].error)
    assert "disconnected while pushing" in str(outcomes[gone.serial].error)
    assert "USB debugging" in str(outcomes[locked.serial].error)
    assert left_on(good) == left_on(full) == []
    assert [path.name for path in tmp_path.glob("*.json")] == [
        f"{artifact.name}-bench-adb-{good.serial.replace(':', '-')}.json"
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"install_refusal": "INSTALL_FAILED_INSUFFICIENT_STORAGE"}, "no space left on the device"),
        ({"install_refusal": "INSTALL_FAILED_USER_RESTRICTED: Install canceled by user"}, "Install via USB"),
        ({"install_refusal": "INSTALL_FAILED_UPDATE_INCOMPATIBLE"}, "signed with another key"),
        ({"install_refusal": "INSTALL_FAILED_SOMETHING_NEW"}, r"refuses the app \(INSTALL_FAILED_SOMETHING_NEW\)"),
        ({"thermal_status": 5}, r"too hot to measure \(thermal status 5, emergency\)"),
        ({"app": "not debuggable"}, "only a debuggable build of the app can be driven"),
    ],
)
def test_what_a_device_refuses(plug_in: PlugIn, apk: Path, changes: dict[str, object], message: str) -> None:
    phone = plug_in()
    phone.state(**changes)
    with pytest.raises(UnavailableError, match=message):
        bench_app(phone.serial, apk, QUICK)
    assert left_on(phone) == []


def test_an_app_that_crashes(plug_in: PlugIn, apk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adb_app, "_ALIVE_EVERY_SECONDS", 0.5)
    phone = plug_in()
    phone.state(app="crash")
    with pytest.raises(UnavailableError, match=r"ended without a result: java\.lang\.IllegalStateException: played"):
        bench_app(phone.serial, apk, QUICK)
    assert left_on(phone) == []


def test_an_app_that_hangs_is_ended(plug_in: PlugIn, apk: Path) -> None:
    phone = plug_in()
    phone.state(app="hang")
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="did not end within 3 s; is its screen on"):
        bench_app(phone.serial, apk, Hasty(runs=1))
    assert time.monotonic() - started < 300
    assert left_on(phone) == []


def test_a_report_that_arrives_torn(plug_in: PlugIn, apk: Path) -> None:
    phone = plug_in()
    phone.state(app="torn report")
    with pytest.raises(InputError, match="the report arrived with"):
        bench_app(phone.serial, apk, QUICK)


def test_a_device_that_hangs_while_installing(plug_in: PlugIn, apk: Path) -> None:
    phone = plug_in()
    phone.faults.hang_on = "package .?install"
    with pytest.raises(UnavailableError, match=r"no answer within .* s while installing the app"):
        bench_app(phone.serial, apk, QUICK, Timeouts(short=5.0, install=2.0, bytes_per_second=1e9))


def test_disconnected_while_the_app_runs(plug_in: PlugIn, apk: Path) -> None:
    phone = plug_in()
    phone.faults.cut_on = "am start"
    with pytest.raises(UnavailableError, match=r"disconnected while (starting|waiting for) the app"):
        bench_app(phone.serial, apk, QUICK, IMPATIENT)


def test_the_apps_own_complaints(plug_in: PlugIn, apk: Path) -> None:
    phone = plug_in()
    phone.state(app="refuses")
    with pytest.raises(UsageError, match="--runs: 'x' is not a number that it takes"):
        bench_app(phone.serial, apk, QUICK)


def test_end_markers() -> None:
    assert parse_end_marker("MDeployPhase measure") is None
    assert parse_end_marker("MDeployDone id=x") is None
    whole = (
        "MDeployDone id=ab-1 exit=1 status=check_failed report=files/reports/ab-1.json bytes=12 sha256=00ff error=a b=c"
    )
    assert parse_end_marker(whole) == EndMarker("ab-1", 1, "files/reports/ab-1.json", 12, "00ff", "a b=c")
    assert parse_end_marker(
        "MDeployDone id=host-2 exit=2 status=usage error=--init is not a flag of the app"
    ) == EndMarker("host-2", 2, error="--init is not a flag of the app")
