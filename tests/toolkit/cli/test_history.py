# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Verbs record what they measured; history lists it, diff compares it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mdeploy.cli.main import run
from mdeploy.formats.artifact import Artifact
from mdeploy.reports.history import History


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MDEPLOY_DB", str(tmp_path / "history.db"))
    return tmp_path / "history.db"


def parity(calibrated: Artifact, *flags: str) -> int:
    return run(["parity", str(calibrated.path), "--backends", "onnxruntime", *flags])


def test_parity_is_recorded(calibrated: Artifact, database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parity(calibrated) == 0
    assert parity(calibrated, "--tol", "1e-12") == 1
    assert parity(calibrated, "--no-history") == 0
    capsys.readouterr()
    assert run(["history", "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [(item["kind"], item["outcome"]) for item in runs] == [("parity", "failed"), ("parity", "passed")]
    assert run(["history", str(runs[1]["id"])]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "mdeploy-parity/1"
    assert run(["history"]) == 0
    assert "required tol" in capsys.readouterr().out


def test_db_names_another_file(
    calibrated: Artifact, database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parity(calibrated, "--db", str(tmp_path / "other.db")) == 0
    assert not database.exists()
    assert run(["history", "--db", str(tmp_path / "other.db"), "--json"]) == 0
    capsys.readouterr()
    assert run(["history"]) == 0
    assert "no runs" in capsys.readouterr().out


def test_a_history_that_cannot_be_written_does_not_fail_the_run(
    calibrated: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert parity(calibrated, "--db", str(tmp_path / "file" / "history.db")) == 0
    assert "not recorded" in capsys.readouterr().err


class TestDiff:
    @pytest.fixture
    def report(self, calibrated: Artifact, database: Path, tmp_path: Path) -> dict[str, Any]:
        """The report of a real run of the harness, out of the history."""
        arguments = ["bench", str(calibrated.path), "--runs", "10", "--warmup", "1", "-o", str(tmp_path)]
        assert run(arguments) == 0
        (recorded,) = History(database).runs(kind="bench")
        assert (recorded.target, recorded.outcome) == ("local", "ok")
        return History(database).document(recorded.id)

    def with_samples(self, report: dict[str, Any], scale: float, isa: str = "avx2") -> dict[str, Any]:
        samples = [scale * (1 + 0.001 * (i % 7)) for i in range(100)]
        return {**report, "isa": isa, "latency_ms": {**report["latency_ms"], "n": 100, "samples": samples}}

    def test_files_and_runs(
        self, report: dict[str, Any], database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        capsys.readouterr()
        slow = tmp_path / "slow.json"
        slow.write_text(json.dumps(self.with_samples(report, 2.2)))
        document = self.with_samples(report, 2.0, "neon")
        number = History(database).add("bench", "net", document, outcome="ok", headline="")
        assert run(["diff", str(number), str(number)]) == 0
        assert "no difference" in capsys.readouterr().out
        assert run(["diff", str(number), str(slow)]) == 1
        out = capsys.readouterr().out
        assert out.startswith("slower: +10.0% by the tenth percentiles of A and B, 99% interval ")
        assert "different instruction sets: neon and avx2" in out
        assert run(["diff", str(number), str(slow), "--max-regression", "20%"]) == 0
        assert run(["diff", str(slow), str(number), "--json"]) == 0
        assert '"verdict": "faster"' in capsys.readouterr().out
        several = ",".join([str(number)] * 3)
        assert run(["diff", several, f"{slow}, {slow},{slow}"]) == 1
        out = capsys.readouterr().out
        assert re.search(r"samples +│ +300 │ +300 ", out)
        assert re.search(r"runs +│ +3 │ +3 ", out)
        with_comma = tmp_path / "a,b.json"
        with_comma.write_text(slow.read_text())
        assert run(["diff", str(with_comma), str(slow)]) == 0

    def test_errors(self, database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "x.json").write_text("{}")
        number = History(database).add("parity", "net", {"schema": "mdeploy-parity/1"}, outcome="ok", headline="")
        for arguments, code in (
            (["1", "999"], 3),
            ([str(tmp_path / "x.json"), str(tmp_path / "x.json")], 3),
            ([str(tmp_path / "none.json"), "1"], 3),
            ([str(number), str(number)], 3),
            (["1", "2", "--max-regression", "many"], 2),
            (["1,", "2"], 2),
            (["1"], 2),
        ):
            assert run(["diff", *arguments]) == code
            assert len(capsys.readouterr().err.splitlines()) == 1
