# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The program that counts rooms, arrows and repeated lines, on trees where the counts are known."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from tools import structure as structure_module


@pytest.fixture(scope="module")
def structure(repository: Path) -> ModuleType:
    return structure_module


def test_rooms_and_arrows(structure: ModuleType, tmp_path: Path) -> None:
    package = tmp_path / "toolkit" / "mdeploy"
    for name, text in {
        "cli/main.py": "import mdeploy.work\nfrom mdeploy import errors\n",
        "work/run.py": "from mdeploy.cli.main import x\nfrom mdeploy.side import y\n",
        "side.py": "import os\n",
        "errors.py": "",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_architecture.py").write_text('LAYERS = [{"cli"}, {"work", "side"}, {"errors"}]\n')
    found = structure.counts(structure.Tree(tmp_path))
    assert found["rooms of toolkit/mdeploy"] == 4
    assert found["of these, loose modules"] == 2
    assert found["arrows between rooms"] == 4
    assert found["arrows that run back up"] == 1
    assert found["arrows within a layer"] == 1
    assert found["arrows in a circle"] == 2


def test_repeated_lines(structure: ModuleType) -> None:
    run = "".join(f"step_{i}()\n" for i in range(8))
    other = "".join(f"turn_{i}()\n" for i in range(8))
    texts = {"a.py": f"first()\n{run}", "b.py": f"# why\n\nimport os\n{other}    {run}", "c.py": other}
    assert structure.repeated_pairs(texts) == [("a.py", 2, "b.py", 12), ("b.py", 4, "c.py", 1)]
    assert structure.repeated_pairs({"a.py": run[:45], "b.py": run[:45]}) == []


def test_every_home_is_found_in_this_tree(structure: ModuleType, repository: Path) -> None:
    """A pattern that finds nothing counts nothing: an idea that is gone is to be taken off the list."""
    tree = structure.Tree(repository)
    must = {title for title in structure.HOMES if "bench options" in title or "Array" in title or "version" in title}
    assert all(structure.HOMES[title](tree) for title in must)
