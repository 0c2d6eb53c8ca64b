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


def test_there_are_commands() -> None:
    assert "mdeploy convert ckpt.pt" in commands()


def test_readme_commands(tmp_path: Path, bundled_checkpoint: Path) -> None:
    shutil.copy(bundled_checkpoint, tmp_path / "ckpt.pt")
    shutil.copy(bundled_checkpoint.parent / "demo_picture.png", tmp_path / "picture.png")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in commands():
        result = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    assert list(tmp_path.glob("*-android.zip"))


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)[^)]*\)", README.read_text()))
def test_readme_links(target: str) -> None:
    assert (README.parent / target).exists()
