# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the README's commands as a user would: in an empty folder, with ``ckpt.pt`` and ``picture.png`` in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"


def commands() -> list[str]:
    blocks = re.findall(r"<!-- run -->\n```console\n(.*?)```", README.read_text(), re.S)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def listing(mark: str) -> list[str]:
    (block,) = re.findall(rf"<!-- {mark} -->\n```console\n(.*?)```", README.read_text(), re.S)
    return [line[2:] for line in block.splitlines() if line.startswith("$ ")]


def test_there_are_commands() -> None:
    assert "mdeploy convert ckpt.pt" in commands()


def run(command: str, folder: Path) -> str:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def test_readme_commands(tmp_path: Path, bundled_checkpoint: Path) -> None:
    shutil.copy(bundled_checkpoint, tmp_path / "ckpt.pt")
    shutil.copy(bundled_checkpoint.parent / "demo_picture.png", tmp_path / "picture.png")
    for command in commands():
        run(command, tmp_path)
    assert list(tmp_path.glob("*-android.zip"))


def test_the_model_that_everybody_has(tmp_path: Path) -> None:
    """The same commands on weights that need no download."""
    download, *rest = listing("torchvision")
    assert "weights='DEFAULT'" in download
    run(download.replace("weights='DEFAULT'", "weights=None"), tmp_path)
    for command in rest:
        run(command, tmp_path)
    assert (tmp_path / "resnet18-android.zip").is_file()


def test_the_transcript_is_one_of_these_commands(tmp_path: Path) -> None:
    """Figures differ from machine to machine; what was run and what came of it do not."""
    (block,) = re.findall(r"<!-- transcript -->\n```console\n(.*?)```", README.read_text(), re.S)
    told = listing("transcript")
    assert len(told) == 2
    assert all(line.startswith(command) for line, command in zip(told, commands(), strict=False))
    assert "PyTorch" in block
    assert "4 of 4 backends agree" in block
    assert max(map(len, block.splitlines())) <= 100


@pytest.mark.parametrize("runtime", ["mdeploy", "OpenVINO", "onnxruntime", "ncnn", "PyTorch", "Caffe2"])
def test_the_speed_table_is_that_of_the_page(runtime: str) -> None:
    """Columns of one thread, out of both tables of docs/speed.md."""

    def cells(text: str) -> list[list[str]]:
        rows = re.findall(rf"^\| (?:\*\*)?{runtime}(?:\*\*)? \|(.*)\|$", text, re.M)
        return [[cell.strip(" *") for cell in row.split("|")] for row in rows]

    page = cells((README.parent / "docs" / "speed.md").read_text())
    wide, *narrow = page
    told = [wide[0], wide[4], wide[8], *([narrow[0][0], narrow[0][4]] if narrow else ["", ""])]
    (row,) = cells(README.read_text())
    assert row == told


def test_the_figures_of_correctness_are_those_of_the_pages() -> None:
    text = " ".join(README.read_text().split())
    models = (README.parent / "docs" / "models.md").read_text()
    rows = re.findall(r"^\| (\S.*) \| (dynamo|torchscript) \| \S+ \| (\S+) \| (\S+) \|", models, re.M)
    assert f"[{len({name for name, *_ in rows})} models from two exporters]" in text
    assert all(float(ours) <= 1e-5 for _, _, ours, _ in rows)
    assert models.count("| no: caffe2") == 1
    assert "1.03e-05" in models
    conformance = (README.parent / "docs" / "conformance.md").read_text()
    ((passed, refused, failed),) = re.findall(r"^\| all \| (\d+) \| (\d+) \| (\d+) \|", conformance, re.M)
    assert f"{passed} pass on our runtime and on real Caffe2, {refused} are refused" in text
    assert f"**{failed} give a wrong answer**" in text


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)[^)]*\)|(?:src|srcset)=\"([^\"]+)\"", README.read_text()))
def test_readme_links(target: tuple[str, str]) -> None:
    assert (README.parent / "".join(target)).exists()
