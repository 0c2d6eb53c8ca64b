# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Two artifacts in turn on one device."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mdeploy.cli.main import run
from mdeploy.deployment.devices import pairs as module
from mdeploy.deployment.devices.base import BenchOptions
from mdeploy.deployment.devices.pairs import bench_pairs
from mdeploy.errors import CheckFailed, UsageError
from mdeploy.formats.artifact import Artifact
from mdeploy.reports.history import History

QUICK = BenchOptions(threads=1, warmup=1, runs=8, min_seconds=0.0)


def test_in_turn_and_the_other_way_round(
    tiny_artifact: Artifact, tiny_copy: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[Path] = []
    real = module.run_bench

    def noting(artifact: Artifact, *arguments: Any) -> Any:
        order.append(artifact.path)
        return real(artifact, *arguments)

    monkeypatch.setattr(module, "run_bench", noting)
    name, reports = bench_pairs(tiny_artifact, tiny_copy, "local", QUICK, 3)
    a, b = tiny_artifact.path, tiny_copy.path
    assert order == [a, b, b, a, a, b]
    assert (name, len(reports)) == ("local", 3)
    assert all(report.latency_ms and report.latency_ms.n == 8 for pair in reports for report in pair)


def test_a_build_that_is_wrong_is_not_compared(tiny_artifact: Artifact, change_golden: Path) -> None:
    with pytest.raises(CheckFailed):
        bench_pairs(tiny_artifact, Artifact.open(change_golden, verify=False), "local", QUICK, 1)


def test_one_device(tiny_artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "openers", lambda _selector: [("adb:1", None), ("adb:2", None)])
    with pytest.raises(UsageError, match="one device"):
        bench_pairs(tiny_artifact, tiny_artifact, "adb:all", QUICK, 1)


def test_the_verb(
    tiny_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MDEPLOY_DB", str(tmp_path / "history.db"))
    monkeypatch.chdir(tmp_path)  # where reports are written
    command = ["bench", str(tiny_artifact.path), "--against", str(tiny_artifact.path), "--pairs", "2"]
    # Timing is not judged here: however noisy the machine, B may be slower by what it likes.
    command += ["--runs", "8", "--warmup", "1", "--min-seconds", "0", "--max-regression", "1000%"]
    assert run([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["runs_a"], document["runs_b"]) == ("mdeploy-diff/1", 2, 2)
    assert len(History().runs(kind="bench")) == 4
    assert run([*command, "--no-history"]) == 0
    assert re.search(r"runs\W+2\W+2\W", capsys.readouterr().out)
    assert run([*command, "--device", "local", "--device", "qemu"]) == 2
    assert run([*command, "--app", "--device", "adb"]) == 2
