# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The layers of the C++ sources, read from their includes, and which headers the apps around them may use."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Library:
    """A folder of sources in layers, lowest first. A file may include its own layer and those before it."""

    folder: str
    layers: tuple[str, ...]
    public: frozenset[str]  # headers from elsewhere


RUNTIME = Library(
    "runtime/src",
    ("base", "cpu", "kernels", "image", "proto", "ir", "ops", "load", "exec", "api"),
    frozenset({"mdeploy/mdeploy_runtime.h"}),
)
HARNESS = Library(
    "runtime/harness/src",
    ("io", "device", "run", "report", "api", "cli"),
    frozenset({"mdeploy/harness.h", "mdeploy/mdeploy_runtime.h"}),
)
LIBRARIES = (RUNTIME, HARNESS)

# Everything else knows the runtime by these headers alone.
PUBLIC_HEADERS = {
    "android_harness": {"mdeploy/harness.h"},
    "ios_harness": {"mdeploy/harness.h", "mdeploy/mdeploy_runtime.h"},
    "runtime/include": {"mdeploy/mdeploy_runtime.h"},
    "runtime/harness/include": {"mdeploy/harness.h", "mdeploy/mdeploy_runtime.h"},
    "examples": {"mdeploy/mdeploy_runtime.h"},
}

SUFFIXES = {".c", ".cc", ".cpp", ".h", ".inc", ".m", ".mm"}
BUILT = {"build", "target", ".build", ".gradle"}
HOST_HEADERS = re.compile(r'#\s*(?:include|import) [<"]((?:jni|Python)\.h|(?:android|UIKit|Foundation)/[^>"]+)')


def sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in SUFFIXES and not BUILT & set(path.parts):
            yield path


def quoted(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.M)


def layer_violations(root: Path, library: Library) -> list[str]:
    folder = root / library.folder
    ranks = {layer: rank for rank, layer in enumerate(library.layers)}
    found = [f"{library.folder}/{layer} is not there" for layer in library.layers if not (folder / layer).is_dir()]
    for path in sources(folder):
        name = path.relative_to(folder).as_posix()
        layer = name.split("/")[0]
        if layer not in ranks or "/" not in name:
            found.append(f"{library.folder}/{name} is in no layer")
            continue
        for include in quoted(path):
            other = include.split("/")[0]
            if include in library.public:
                continue
            if other not in ranks or not (folder / include).is_file():
                found.append(f"{library.folder}/{name} includes {include}, which is none of this library's")
            elif ranks[other] > ranks[layer]:
                found.append(f"{library.folder}/{name} includes {include}: {layer} is below {other}")
    return found + [f"{library.folder}: {' -> '.join(circle)}" for circle in circles(folder)]


def circles(folder: Path) -> list[list[str]]:
    """Modules (a header with its source) that include each other, each circle once."""
    modules: dict[str, set[str]] = {}
    for path in sources(folder):
        module = path.relative_to(folder).with_suffix("").as_posix()
        others = {include.rsplit(".", 1)[0] for include in quoted(path)}
        modules.setdefault(module, set()).update(others - {module})
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(module: str, trail: list[str]) -> None:
        if module in trail:
            found.append([*trail[trail.index(module) :], module])
        elif module not in done:
            for other in sorted(modules.get(module, ())):
                visit(other, [*trail, module])
            done.add(module)

    for module in sorted(modules):
        visit(module, [])
    return found


def header_violations(root: Path) -> list[str]:
    found = []
    for folder, allowed in PUBLIC_HEADERS.items():
        for path in sources(root / folder):
            text = path.read_text()
            for include in re.findall(r'^\s*#\s*(?:include|import)\s+[<"]([^">]+)[">]', text, re.M):
                inside = include.startswith("mdeploy/") or "src/" in include or "../" in include
                if inside and include not in allowed:
                    found.append(f"{path.relative_to(root).as_posix()} includes {include}")
    return found


def host_violations(root: Path) -> list[str]:
    """The runtime and its harness know nothing of Java, Python, Android's or Apple's frameworks."""
    return [
        f"{path.relative_to(root).as_posix()} includes {match[1]}"
        for path in sources(root / "runtime")
        for match in HOST_HEADERS.finditer(path.read_text())
    ]


def violations(root: Path) -> list[str]:
    """Every rule of this file that the tree breaks, a line each."""
    layers = [line for library in LIBRARIES for line in layer_violations(root, library)]
    return layers + header_violations(root) + host_violations(root)


def test_the_sources_keep_the_rules() -> None:
    assert violations(ROOT) == []


# The file that is changed or made, what is put into it, and what the checker must say.
PLANTED = {
    "up": ("runtime/src/ops/fc.cc", '#include "load/build.h"', "ops is below load"),
    "graph knows operators": ("runtime/src/ir/graph.cc", '#include "ops/registry.h"', "ir is below ops"),
    "running knows the API": ("runtime/src/exec/session.cc", '#include "api/guard.h"', "exec is below api"),
    "new layer": ("runtime/src/misc/helpers.h", "", "misc/helpers.h is in no layer"),
    "no layer": ("runtime/src/helpers.cc", "", "helpers.cc is in no layer"),
    "relative": ("runtime/src/base/tensor.cc", '#include "../cpu/isa.h"', "none of this library's"),
    "harness up": ("runtime/harness/src/run/run.cc", '#include "report/report.h"', "run is below report"),
    "harness inside the runtime": ("runtime/harness/src/run/session.cc", '#include "exec/session.h"', "none of this"),
    "harness circle": (
        "runtime/harness/src/device/process.h",
        '#include "device/android.h"',
        "device/android -> device/process -> device/android",
    ),
    "circle": (
        "runtime/src/cpu/affinity.h",
        '#include "cpu/thread_pool.h"',
        "cpu/affinity -> cpu/thread_pool -> cpu/affinity",
    ),
    "app": ("android_harness/app/src/main/cpp/x.cc", '#include "mdeploy/mdeploy_runtime.h"', "cpp/x.cc includes"),
    "app inside": ("ios_harness/x.m", '#import "../runtime/src/base/status.h"', "ios_harness/x.m includes"),
    "example": ("examples/c/x.c", '#include "mdeploy/harness.h"', "examples/c/x.c includes mdeploy/harness.h"),
    "public header": (
        "runtime/include/mdeploy/mdeploy_runtime.h",
        '#include "../src/base/status.h"',
        "mdeploy_runtime.h includes ../src/base/status.h",
    ),
    "java": ("runtime/harness/src/io/x.h", "#include <jni.h>", "x.h includes jni.h"),
    "apple": ("runtime/src/cpu/isa.cc", "#include <Foundation/Foundation.h>", "isa.cc includes Foundation"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name: str, tmp_path: Path) -> None:
    file, text, message = PLANTED[name]
    for folder in ("runtime/src", "runtime/include", "runtime/harness"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    assert violations(tmp_path) == []
    planted = tmp_path / file
    planted.parent.mkdir(parents=True, exist_ok=True)
    before = planted.read_text() if planted.exists() else ""
    planted.write_text(f"{text}\n{before}")
    found = violations(tmp_path)
    assert found
    assert all(message in line for line in found)


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.folder)
def test_a_layer_that_has_gone_is_missed(library: Library, tmp_path: Path) -> None:
    shutil.copytree(ROOT / library.folder, tmp_path / library.folder)
    for layer in library.layers:
        shutil.rmtree(tmp_path / library.folder / layer)
        assert f"{library.folder}/{layer} is not there" in layer_violations(tmp_path, library)
