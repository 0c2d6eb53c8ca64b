# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The import arrows of ARCHITECTURE.md, read from the Python sources (test_native_architecture.py has the C++ ones)."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# From the top down: a part may import the parts below it, never one beside it or above it.
LAYERS = [
    {"cli"},
    {"api", "demo", "doctor", "inspection"},
    {"conversion", "comparison", "evaluation", "deployment", "reports"},
    {"backends"},
    {"native", "onnx"},
    {"formats"},
    {"caffe2"},
    {"figures", "files", "progress", "tables", "tensors", "text"},
    {"errors"},
]
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}
C_SOURCES = {".c", ".cc", ".cpp", ".h", ".inc"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def python_files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_toolkit_never_imports_training() -> None:
    offenders = [str(p) for p in python_files("toolkit") if any(n.startswith("mdeploy_training") for n in imports(p))]
    assert not offenders


def test_arrows_point_one_way() -> None:
    offenders = []
    for path in python_files("toolkit"):
        part = path.relative_to(ROOT / "toolkit" / "mdeploy").parts[0].removesuffix(".py")
        if part not in RANK:
            continue
        for name in imports(path):
            match = re.match(r"mdeploy\.(\w+)", name)
            if match and match[1] in RANK and match[1] != part and RANK[match[1]] <= RANK[part]:
                offenders.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not offenders


def test_every_part_has_a_place() -> None:
    parts = {p.name.removesuffix(".py") for p in (ROOT / "toolkit" / "mdeploy").iterdir() if not p.name.startswith("_")}
    assert parts - {"py.typed"} <= set(RANK), "a new part of mdeploy needs a line in LAYERS and ARCHITECTURE.md"


def test_no_machine_paths_and_every_source_has_a_licence_line() -> None:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = listing.split("\n")
    sources = {".py", ".java", ".swift", ".kts", ".sh", *C_SOURCES}
    unlicensed, paths = [], []
    for name in tracked:
        path = ROOT / name
        if path.suffix in sources and path.exists():
            text = path.read_text()
            if "SPDX-License-Identifier: Apache-2.0" not in text[:400]:
                unlicensed.append(name)
            if re.search(r"(^|[^A-Za-z0-9_.-])/(work|root|farm)/", text, re.M):
                paths.append(name)
    assert not unlicensed
    assert not paths
