# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy-train summary``: counted parts add up to what is published."""

from __future__ import annotations

import json

import pytest

from mdeploy.cli.main import run
from mdeploy_training.cli import root
from mdeploy_training.models import resnest50_cifar


def test_totals_stages_and_the_papers_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", "resnest50_cifar"], root, "mdeploy-train") == 0
    text = capsys.readouterr().out
    assert "23.2 M parameters" in text
    assert "1.16 G multiply-adds" in text
    assert "128 MB" in text
    assert "256x8x8" in text


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--arg", "block=bottleneck", "--arg", "classes=100", "--size", "64"]
    assert run(["summary", "resnest50_cifar", *arguments, "--json"], root, "mdeploy-train") == 0
    data = json.loads(capsys.readouterr().out)
    model = resnest50_cifar(block="bottleneck", classes=100)
    assert data["parameters"] == sum(p.numel() for p in model.parameters())
    assert [part["blocks"] for part in data["parts"] if part["name"].startswith("layer")] == [3, 4, 6, 3]
    assert [part["shape"] for part in data["parts"]][-2:] == [[2048, 8, 8], [100]]
    assert data["published"] is None
    # At twice the side, everything but the attention and the head costs four times as much.
    assert data["macs"] == pytest.approx(4 * 1.2997e9, rel=0.01)
