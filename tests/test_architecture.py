# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The import arrows of ARCHITECTURE.md, read from the Python sources (test_native_architecture.py has the C++ ones)."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the top down: a part may import the parts below it, never one beside it or above it.
LAYERS = [
    {"cli"},
    {"api", "demo", "doctor", "inspection"},
    {"conversion", "comparison", "evaluation", "deployment", "reports"},
    {"backends"},
    {"inputs", "models", "native", "onnx"},
    {"formats"},
    {"caffe2"},
    {"figures", "files", "packages", "progress", "tables", "tensors", "text"},
    {"errors", "version"},
]
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}
C_SOURCES = {".c", ".cc", ".cpp", ".h", ".inc"}


# ---- the rules, on the tree below ``root``: each yields what breaks it


def arrows_back_up(root: Path) -> Iterator[str]:
    """Imports of a part beside the importing one, or above it."""
    for path in python_files(root, "toolkit"):
        part = path.relative_to(root / "toolkit" / "mdeploy").parts[0].removesuffix(".py")
        for name in imports(path) if part in RANK else ():
            match = re.match(r"mdeploy\.(\w+)", name)
            if match and match[1] in RANK and match[1] != part and RANK[match[1]] <= RANK[part]:
                yield f"{path.relative_to(root)} imports {name}"


def training_in_the_toolkit(root: Path) -> Iterator[str]:
    for path in python_files(root, "toolkit"):
        if any(name.split(".")[0] == "mdeploy_training" for name in imports(path)):
            yield f"{path.relative_to(root)} imports training"


def parts_without_a_place(root: Path) -> Iterator[str]:
    for path in (root / "toolkit" / "mdeploy").iterdir():
        part = path.name.removesuffix(".py")
        if not part.startswith("_") and part not in {*RANK, "py.typed"}:
            yield f"{part} needs a line in LAYERS and in ARCHITECTURE.md"


def unlicensed(root: Path) -> Iterator[str]:
    for path in tracked_sources(root):
        if "SPDX-License-Identifier: Apache-2.0" not in path.read_text(encoding="utf-8")[:400]:
            yield f"{path.relative_to(root)} has no licence line"


def machine_paths(root: Path) -> Iterator[str]:
    for path in tracked_sources(root):
        if re.search(r"(^|[^A-Za-z0-9_.-])/(work|root|farm)/", path.read_text(encoding="utf-8"), re.M):
            yield f"{path.relative_to(root)} names a place on one machine"


RULES = (arrows_back_up, training_in_the_toolkit, parts_without_a_place, unlicensed, machine_paths)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def python_files(root: Path, folder: str) -> list[Path]:
    return sorted((root / folder).rglob("*.py"))


def tracked_sources(root: Path) -> Iterator[Path]:
    """Sources that git knows, or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    for path in (root / name for name in listing.splitlines()):
        if path.suffix in {".py", ".java", ".swift", ".kts", ".sh", *C_SOURCES} and path.is_file():
            yield path


# ---- the tree, and planted violations


@pytest.mark.parametrize("rule", RULES)
def test_the_tree_keeps_the_rule(rule: Callable[[Path], Iterator[str]]) -> None:
    assert not [*rule(ROOT)]


LICENCE = "# SPDX-License-Identifier: Apache-2.0\n"
PLANTED = {
    "up": ("caffe2/net.py", "from mdeploy.onnx import export", arrows_back_up),
    "up to the command line": ("formats/report.py", "import mdeploy.cli.main", arrows_back_up),
    "up, by name from the package": ("native/abi.py", "from mdeploy import comparison", arrows_back_up),
    "up, inside a function": ("errors.py", "def f():\n    from mdeploy import files", arrows_back_up),
    "to the side": ("conversion/model.py", "from mdeploy.evaluation.run import evaluate", arrows_back_up),
    "training": ("conversion/model.py", "from mdeploy_training.models import resnest50", training_in_the_toolkit),
    "a new part": ("helpers/text.py", "", parts_without_a_place),
    "a new module": ("misc.py", "", parts_without_a_place),
    "a machine's path": ("files.py", 'HOME = "/' + 'work/main"', machine_paths),
}


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_violation_is_found(plant: str, tmp_path: Path) -> None:
    name, text, rule = PLANTED[plant]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    path = tmp_path / "toolkit" / "mdeploy" / name
    path.parent.mkdir(parents=True)
    path.write_text(f"{LICENCE}{text}\n", encoding="utf-8")
    found = {other.__name__: [*other(tmp_path)] for other in RULES}
    assert len(found.pop(rule.__name__)) >= 1
    assert not any(found.values()), "no other rule"


def test_a_missing_licence_is_found(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "a.java").write_text("class A {}\n", encoding="utf-8")
    assert [*unlicensed(tmp_path)] == ["a.java has no licence line"]


def test_arrows_down_are_right(tmp_path: Path) -> None:
    path = tmp_path / "toolkit" / "mdeploy" / "cli" / "bench.py"
    path.parent.mkdir(parents=True)
    path.write_text("from mdeploy import errors\nfrom mdeploy.cli import options\nimport mdeploy.reports.diff\n")
    assert not [*arrows_back_up(tmp_path)]


def test_architecture_md_says_the_same() -> None:
    """Every part has its line in the tree, and the sentence of the layers is LAYERS."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    tree = text.split("```")[1]
    named = {word for line in re.findall(r"^  (\w\S*(?: \w+[./]\S*)*)", tree, re.M) for word in line.split()}
    parts = {p.name for p in (ROOT / "toolkit" / "mdeploy").iterdir() if not p.name.startswith("_")} - {"py.typed"}
    missing = {part for part in parts if part not in named and f"{part}/" not in named}
    assert not missing
    sentence = next(line for line in text.replace("\n", " ").split(". ") if "cli →" in line).split("cli →")[1]
    said = [{*re.findall(r"\w+", group)} - {"and"} for group in sentence.split("→")]
    assert [{"cli"}, *said] == LAYERS
