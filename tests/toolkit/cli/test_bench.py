# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy bench`` and ``mdeploy devices``: what they print, keep and return."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mdeploy.cli.main import run
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.report import Report

QUICK = ["--runs", "3", "--warmup", "0"]


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_prints_tables_and_keeps_the_report(tiny_artifact: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", str(tiny_artifact.path), *QUICK, "--threads", "1", "--profile"]) == 0
    out, err = capsys.readouterr()
    for part in ("tiny on local", "1 thread,", "Parity", "pass", "Latency", "Operators", "tiny-bench-local.json"):
        assert part in out, part
    assert err == ""
    report = Report.from_text(Path("tiny-bench-local.json").read_text())
    assert report.threads == 1
    assert report.latency_ms is not None
    assert report.latency_ms.n == 3


def test_json_is_the_report(tiny_artifact: Artifact, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["bench", str(tiny_artifact.path), *QUICK, "--json", "-o", str(tmp_path / "reports")]) == 0
    assert Report.from_text(capsys.readouterr().out).status == "ok"
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["tiny-bench-local.json"]
    assert not list(Path().iterdir())


def test_an_earlier_report_is_kept_and_the_run_has_a_number(
    tiny_artifact: Artifact, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["bench", str(tiny_artifact.path), *QUICK, "--db", str(tmp_path / "new.db")]
    reports = []
    for number in range(1, 4):
        assert run(arguments) == 0
        assert f"run {number} of `mdeploy history`" in capsys.readouterr().out
        reports.append(Path("tiny-bench-local.json").read_text())
    assert Path("tiny-bench-local-1.json").read_text() == reports[0]
    assert Path("tiny-bench-local-2.json").read_text() == reports[1]
    assert len(list(Path().iterdir())) == 3
    assert run([*arguments, "--no-history"]) == 0
    out = capsys.readouterr().out
    assert "the earlier report is kept: tiny-bench-local-3.json" in out
    assert "mdeploy history" not in out


def test_more_threads_than_cores_is_a_hint(tiny_artifact: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", str(tiny_artifact.path), *QUICK, "--threads", "64"]) == 0
    cores = len(Report.from_text(Path("tiny-bench-local.json").read_text()).device.cores)
    assert (f"hint: --threads {cores} uses every core" in capsys.readouterr().out) == (cores < 64)


def test_several_devices(tiny_artifact: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--device", "local", "--device", "local", "--json", *QUICK]
    assert run(["bench", str(tiny_artifact.path), *arguments]) == 0
    assert Report.from_text(capsys.readouterr().out).status == "ok", "the same device twice is one"


def test_parity_failure_is_exit_1(change_golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", str(change_golden), *QUICK]) == 1
    out, err = capsys.readouterr()
    assert "FAIL" in out
    assert err.startswith("mdeploy: local: parity failed on this device: 1 of 3 outputs")
    assert len(err.splitlines()) == 1
    assert run(["bench", str(change_golden), *QUICK, "--tol", "0.1"]) == 3, "within tolerance, yet not the manifest's"


def test_a_changed_net_is_exit_3(
    tiny_copy: Artifact, flip_byte: Callable[[Path, int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    flip_byte(tiny_copy.init_net, 100)
    assert run(["bench", str(tiny_copy.path), *QUICK]) == 3
    assert "init_net.pb: refused: SHA-256" in capsys.readouterr().err


def test_a_golden_file_cut_short_is_exit_3(tiny_copy: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiny_copy.path / "golden" / "ones" / "input_0.npy"
    path.write_bytes(path.read_bytes()[:-5])
    assert run(["bench", str(tiny_copy.path), *QUICK]) == 3
    assert "input_0.npy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 3, "nowhere: no such artifact"),
        (["--device", "toaster"], 2, "--device toaster"),
        (["--device", "qemu:mips"], 2, "qemu:mips"),
        (["--app"], 2, "--app"),
        (["--threads", "0"], 2, "threads"),
        (["--runs", "x"], 2, "runs"),
        (["--affinity", "fastest"], 2, "--affinity fastest"),
        (["--affinity", "8000000000000000"], 2, "does not exist here"),
    ],
)
def test_bad_arguments(
    tiny_artifact: Artifact, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if arguments == ["nowhere"] else [str(tiny_artifact.path)]
    assert run(["bench", *where, *arguments]) == code
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_devices(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices"]) == 0
    assert "this machine" in capsys.readouterr().out
    assert run(["devices", "--json"]) == 0
    names = [device["name"] for device in json.loads(capsys.readouterr().out)["devices"]]
    assert names[:3] == ["local", "qemu", "qemu:armeabi-v7a"]
