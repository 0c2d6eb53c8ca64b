# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The search for the largest difference finds faults that golden cases do not see."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.cli.main import run
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.run import run_parity
from mdeploy.comparison.search import search
from mdeploy.comparison.tolerance import Tolerance
from mdeploy.errors import UnavailableError
from mdeploy.formats.artifact import Artifact

Faulty = Callable[[Callable[[Any], None]], Artifact]
RULE = Tolerance(1e-5)


def clamp(bound: float) -> Callable[[Any], None]:
    """The net's answer goes through a Clip: only an answer that is more certain than that differs."""

    def change(net: Any) -> None:
        last = net.op[-1]
        answer = last.output[0]
        last.output[0] = "unclamped"
        clip = net.op.add(type="Clip", input=["unclamped"], output=[answer])
        clip.arg.add(name="max", f=bound)

    return change


def test_a_clamp_that_no_golden_case_reaches_is_found(calibrated: Artifact, with_fault: Faulty) -> None:
    bound = 0.02 + max(float(case.outputs[0].max()) for case in calibrated.golden_cases())
    artifact = with_fault(clamp(bound))
    request = ParityRequest(artifact, ["mdeploy"], tolerance=RULE)
    assert run_parity(request).exit_code == 0, "a golden case sees it: this shows nothing"
    report = search(request, 20)
    assert report.reference == "onnxruntime"
    assert report.exit_code == 1
    (finding,) = report.findings
    assert finding.required > 1e-4
    # The input does what the search says: on the two backends one by one.
    answers = []
    for name in ("onnxruntime", "mdeploy"):
        with get_backend(name).prepare(artifact, PrepareOptions()) as session:
            answers.append(session.run(finding.inputs)[0])
    assert np.abs(answers[0] - answers[1]).max() == pytest.approx(finding.comparison.max_abs, rel=1e-3)
    assert answers[0].max() > bound


def test_backends_that_agree_stay_within_the_tolerance(calibrated: Artifact) -> None:
    report = search(ParityRequest(calibrated, ["mdeploy"], tolerance=Tolerance(1e-4)), 1)
    assert report.exit_code == 0
    assert report.tried >= 4
    assert 0 < report.worst.required < 1e-4


def test_one_backend_alone_is_not_compared(calibrated: Artifact) -> None:
    with pytest.raises(UnavailableError, match="no backend to compare"):
        search(ParityRequest(calibrated, ["torch"], tolerance=RULE), 1)


def test_the_command(
    calibrated: Artifact,
    with_fault: Faulty,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    def shift(net: Any) -> None:
        net.op[-1].output[0] = "inner"
        net.op.add(type="Sqr", input=["inner"], output=[calibrated.manifest.outputs[0].name])

    broken = with_fault(shift)
    assert run(["parity", str(broken.path), "--backends", "mdeploy", "--search", "0.1"]) == 1
    out = capsys.readouterr().out
    assert "it bounds nothing" in out
    folder = tmp_path / f"{broken.name}-search"
    assert np.load(folder / "input_0.npy").shape == (1, 3, 32, 32)
    assert run(["parity", str(calibrated.path), "--backends", "mdeploy", "--search", "0.1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["search"]["passed"] is True
    assert document["search"]["tried"] >= 4
    assert run(["parity", str(calibrated.path), "--layers", "--search", "1"]) == 2
    assert run(["parity", str(calibrated.path), "--search", "nan"]) == 2
    capsys.readouterr()
