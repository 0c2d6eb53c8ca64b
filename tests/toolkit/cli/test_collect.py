# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The verb: what it prints works as printed, a report lands, and it ends cleanly."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mdeploy.cli.main import run
from mdeploy.reports.history import History

pytest.importorskip("uvicorn", reason="the extra mdeploy[collect] is not installed")

Collect = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Collect]:
    """Start ``mdeploy collect --port 0`` with flags."""
    started: list[subprocess.Popen[str]] = []

    def start(*flags: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "mdeploy", "collect", "--port", "0", "--db", str(tmp_path / "h.db"), *flags]
        environment = {name: value for name, value in os.environ.items() if name != "MDEPLOY_COLLECT_TOKEN"}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def lines_until(process: subprocess.Popen[str], start: str) -> list[str]:
    """Lines of its output up to one that starts so."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(start):
            return lines
    raise AssertionError(f"no line {start!r}: {lines} {process.stderr and process.stderr.read()}")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_printed_command_sends_a_report(
    end: signal.Signals, collect: Collect, document: dict[str, Any], tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (tmp_path / "report.json").write_text(json.dumps(document))
    process = collect("--host", "0.0.0.0", "--output", "reports")
    printed = "\n".join(lines_until(process, "Ctrl-C"))
    curl = next(line.split("any report", 1)[1].strip() for line in printed.splitlines() if "any report" in line)
    assert "Authorization: Bearer " in curl, "beyond loopback a token is made"
    token = curl.split("Bearer ")[1].split("'")[0]
    assert len(token) >= 32
    port = curl.rsplit(":", 1)[1].split("/")[0]
    assert f"adb reverse tcp:{port} tcp:{port}" in printed
    sent = subprocess.run(curl, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert json.loads(sent)["run"] == 1
    refused = subprocess.run(
        curl.replace(token, "guess"), shell=True, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert "Authorization" in json.loads(refused)["error"]
    process.send_signal(end)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    report_line, last = out.splitlines()
    assert "run 1  tiny  p50 2.000 ms  ok  Phone (cli)" in report_line
    assert last == "1 received, 1 refused"
    assert "refused (401)" in err
    assert "Traceback" not in err
    assert len(History(tmp_path / "h.db").runs()) == len(list((tmp_path / "reports").iterdir())) == 1


def test_json_lines_and_a_count(collect: Collect, document: dict[str, Any], tmp_path: Path) -> None:
    from urllib.request import Request, urlopen

    process = collect("--json", "--count", "1")
    (first,) = lines_until(process, "{")
    listening = json.loads(first)
    assert (listening["event"], listening["token"]) == ("listening", None)
    assert listening["adb_reverse"] == f"adb reverse tcp:{listening['port']} tcp:{listening['port']}"
    request = Request(listening["url"], json.dumps(document).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        run_number = json.loads(answer.read())["run"]
    out, err = process.communicate(timeout=60)
    report, end = (json.loads(line) for line in out.splitlines())
    assert (report["event"], report["run"], report["model"]) == ("report", run_number, "tiny")
    assert end == {"event": "end", "received": 1, "refused": 0}
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--no-history"], 2, "--output"),
        (["--token", "two words"], 2, "--token"),
        (["--token", ""], 2, "--token"),
        (["--port", "70000"], 2, "--port"),
        (["--host", "no.such.host.invalid"], 3, "cannot listen on no.such.host.invalid"),
        (["--host", "203.0.113.1"], 3, "cannot listen on 203.0.113.1"),
        (["--output", "/dev/null/x"], 3, "cannot write reports"),
    ],
)
def test_mistakes(flags: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["collect", "--port", "0", *flags]) == code
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in sys.modules if name.startswith("mdeploy.reports.collect.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette.requests", None)
    assert run(["collect", "--port", "0"]) == 5
    assert "pip install 'mdeploy[collect]'" in capsys.readouterr().err
