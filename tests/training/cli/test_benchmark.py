# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train benchmark``: every form trains and is reported."""

from __future__ import annotations

import json

import pytest

from mdeploy.cli.main import run
from mdeploy_training.cli import root

SMALL = ["benchmark", "resnest_small", "--arg", "widths=[8,16,24]", "--batch", "8", "--steps", "1", "--rounds", "2"]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SMALL, "--device", "cpu", "--json"], root, "mdeploy-train") == 0
    data = json.loads(capsys.readouterr().out)
    assert [(form["precision"], form["channels_last"]) for form in data["forms"]] == [
        ("fp32", False),
        ("fp32", True),
        ("bf16", False),
        ("bf16", True),
    ]
    for form in data["forms"]:
        assert len(form["samples"]) == 2
        assert form["images_per_second"] == pytest.approx(8 / sorted(form["samples"])[0], rel=1)
    assert data["forms"][0]["over_plain"] == 1.0


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SMALL, "--device", "cpu"], root, "mdeploy-train") == 0
    assert capsys.readouterr().out.count("channels-last") == 2
