# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Counts how a source tree is built: rooms and arrows, repeated lines, and how many homes an idea has.

::

    python tools/structure.py                    # this checkout
    python tools/structure.py ../old-checkout .  # two checkouts side by side, as a Markdown table

A *room* is a folder or a loose module right below ``toolkit/mdeploy``; an *arrow* is one room importing another. An
arrow *runs back up* when ``LAYERS`` of that tree's own tests/test_architecture.py forbids it, and is in a *circle* when
the imported room leads back. A *home* is a place that states an idea for itself: see ``HOMES``.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["HOMES", "Tree", "counts", "main", "repeated_pairs"]

ROOT = Path(__file__).resolve().parent.parent
_PACKAGE = "toolkit/mdeploy"
_SOURCES = ("toolkit", "training", "runtime", "android_harness", "benchmarks")
_SUFFIXES = {".py", ".cc", ".h", ".inc", ".java", ".kts"}
_SKIPPED = {"tests", "test", "build", "target", "_native", "__pycache__"}
_SPAN = 6  # lines that must be equal to count as repeated


@dataclass(frozen=True)
class Tree:
    """A checkout, its source files read once. Tests are not counted."""

    root: Path

    @cached_property
    def texts(self) -> dict[str, str]:
        """Sources by their path from the root."""
        found = {}
        for folder in _SOURCES:
            for path in sorted((self.root / folder).rglob("*")):
                name = path.relative_to(self.root)
                if path.suffix in _SUFFIXES and path.is_file() and not _SKIPPED & set(name.parts):
                    found[name.as_posix()] = path.read_text(encoding="utf-8")
        return found

    @cached_property
    def modules(self) -> dict[str, ast.Module]:
        """Python sources, parsed."""
        return {name: ast.parse(text) for name, text in self.texts.items() if name.endswith(".py")}

    @cached_property
    def toolkit(self) -> dict[str, ast.Module]:
        """Those of the package alone."""
        return {name: tree for name, tree in self.modules.items() if name.startswith(f"{_PACKAGE}/")}

    def rooms(self) -> dict[str, list[str]]:
        """The files of each room."""
        rooms: dict[str, list[str]] = defaultdict(list)
        for name in self.toolkit:
            part = name.removeprefix(f"{_PACKAGE}/").split("/")[0]
            if not part.startswith("_"):
                rooms[part.removesuffix(".py")].append(name)
        return dict(rooms)

    def arrows(self) -> set[tuple[str, str]]:
        """Pairs of rooms: the one that imports, and what it imports."""
        rooms = self.rooms()
        found = set()
        for room, files in rooms.items():
            for name in files:
                for imported in _imports(self.toolkit[name]):
                    match = re.match(r"mdeploy\.(\w+)", imported)
                    if match and match[1] in rooms and match[1] != room:
                        found.add((room, match[1]))
        return found

    def layers(self) -> list[set[str]]:
        """``LAYERS`` of the tree's own test, from the top down."""
        test = ast.parse((self.root / "tests" / "test_architecture.py").read_text(encoding="utf-8"))
        for node in test.body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and node.targets[0].id == "LAYERS"
            ):
                return [{*layer} for layer in ast.literal_eval(node.value)]
        return []


def _imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _steps(tree: Tree) -> list[int]:
    """How many layers each arrow goes down: 0 is sideways, less is back up."""
    rank = {room: number for number, layer in enumerate(tree.layers()) for room in layer}
    return [rank[b] - rank[a] for a, b in tree.arrows() if a in rank and b in rank]


def _in_circles(tree: Tree) -> int:
    arrows = tree.arrows()
    below: dict[str, set[str]] = defaultdict(set)
    for a, b in arrows:
        below[a].add(b)

    def reaches(start: str, goal: str) -> bool:
        seen, waiting = set(), [start]
        while waiting:
            room = waiting.pop()
            if room == goal:
                return True
            if room not in seen:
                seen.add(room)
                waiting.extend(below[room])
        return False

    return sum(reaches(b, a) for a, b in arrows)


def repeated_pairs(texts: dict[str, str], span: int = _SPAN) -> list[tuple[str, int, str, int]]:
    """Pairs of places with ``span`` or more equal lines, as (file, line, file, line).

    Lines are compared without indentation. Blank lines, comments, imports, includes and lines without a letter do not
    count and do not interrupt. A longer run is one pair.
    """
    noise = re.compile(r"^(#|//|/?\*|import |from \S+ import|using |package |[^A-Za-z]*$)")
    lines = {
        name: [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if not noise.match(line.strip())]
        for name, text in texts.items()
    }
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, rows in lines.items():
        for i in range(len(rows) - span + 1):
            places[tuple(line for _, line in rows[i : i + span])].append((name, i))
    pairs = []
    for found in places.values():
        for k, (a, i) in enumerate(found):
            for b, j in found[k + 1 :]:
                if a == b and j - i < span:  # a run that repeats itself
                    continue
                if i and j and lines[a][i - 1][1] == lines[b][j - 1][1]:  # inside a run that began before
                    continue
                pairs.append((a, lines[a][i][0], b, lines[b][j][0]))
    return sorted(pairs)


def _files_with(pattern: str, least: int = 1, under: str = "") -> Callable[[Tree], list[str]]:
    """Files in which a pattern has at least so many different matches."""
    compiled = re.compile(pattern, re.M)

    def find(tree: Tree) -> list[str]:
        return [n for n, text in tree.texts.items() if n.startswith(under) and len({*compiled.findall(text)}) >= least]

    return find


def _each(pattern: str, under: str = "") -> Callable[[Tree], list[str]]:
    """Every match of a pattern, as its file."""
    compiled = re.compile(pattern, re.M)

    def find(tree: Tree) -> list[str]:
        return [name for name, text in tree.texts.items() if name.startswith(under) for _ in compiled.finditer(text)]

    return find


def _classes_with(*fields: str) -> Callable[[Tree], list[str]]:
    """Classes of the toolkit that declare all of these fields."""

    def find(tree: Tree) -> list[str]:
        return [
            f"{name}:{node.name}"
            for name, module in tree.toolkit.items()
            for node in ast.walk(module)
            if isinstance(node, ast.ClassDef)
            and {*fields}
            <= {s.target.id for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)}
        ]

    return find


def _functions_with(names: set[str], least: int) -> Callable[[Tree], list[str]]:
    """Functions of the toolkit that take at least so many parameters of these names."""

    def find(tree: Tree) -> list[str]:
        found = []
        for name, module in tree.toolkit.items():
            for node in ast.walk(module):
                if isinstance(node, ast.FunctionDef):
                    taken = {a.arg for a in (*node.args.args, *node.args.kwonlyargs)}
                    if len(names & taken) >= least and node.name != "command":
                        found.append(f"{name}:{node.name}")
        return found

    return find


def _writers(tree: Tree) -> list[str]:
    writes = re.compile(r"--document docs/\w+\.md|> docs/\w+\.md|-o docs/\w+\.md|^PAGES = \{\s*\"docs/", re.M)
    folders = ("toolkit", "training", "tests", "benchmarks", "tools")
    programs = (path for folder in folders for path in (tree.root / folder).rglob("*.py"))
    found = {p.relative_to(tree.root) for p in programs if p.name != "structure.py" and writes.search(p.read_text())}
    return sorted({path.parent.as_posix() for path in found if not path.name.startswith("test_")})


_BENCH_FLAG = r"\b(warm_?up|min_?[sS]econds|rounds|cool_?down(?:_?[sS]econds)?|affinity|sustained(?:_?[mM]inutes)?)\b"
_RUNTIME = r"[\"'](onnxruntime|caffe2|openvino|ncnn|mnn|litert|executorch)[\"']"

HOMES: dict[str, Callable[[Tree], list[str]]] = {
    "bench options: files that name five or more": _files_with(rf"(?:--|[\"'(. ]){_BENCH_FLAG}", 5),
    "Table: classes and aliases": _each(r"^(?:class \w*Table\b|Table\s*(?::\s*\w+)?\s*=)"),
    "Table: files that build a rich table": _files_with(r"^\s*from rich\.table import"),
    "report: files that compute a headline": _files_with(
        r"^\s*headline\s*=|headline=(?!headline|self|\w+\.headline)", 1, _PACKAGE
    ),
    "tensor: classes of name, shape and dtype": _classes_with("name", "shape", "dtype"),
    "tensor: definitions of Array": _each(r"^Array(?:\s*:\s*\w+)?\s*="),
    "progress: definitions of a callback type": _each(r"^(?:Tell|Report|Progress)(?:\s*:\s*\w+)?\s*=\s*Callable"),
    "backends: files that list four or more by name": _files_with(_RUNTIME, 4),
    "backends: getattr on a session": _each(r"getattr\((?:self\.)?_?session\b", _PACKAGE),
    "nets: functions that take init and predict": _functions_with({"init", "predict"}, 2),
    "nets: classes of init and predict": _classes_with("init", "predict"),
    "parity: functions that take four or more of the same bag": _functions_with(
        {"artifact", "tolerance", "names", "options", "tell", "reference", "part"}, 4
    ),
    "errors: a foreign error's first line, cut by hand": _each(
        r"\.(?:splitlines\(\)|split\(\"\\n\"[^)]*\))[^\n]{0,40}\[0\]", _PACKAGE
    ),
    "errors: 'cannot read', written out": _each(r"f\"cannot read ", _PACKAGE),
    "version: literals": _each(r"[\"']0\.1\.0[\"']"),
    "kParallelMacs: definitions": _each(r"\bkParallelMacs\s*="),
    "folders of programs that write docs/": _writers,
}
"""Each idea, and what finds its homes. Where one home is right the list has one entry."""


def counts(tree: Tree) -> dict[str, int]:
    """Every figure, by what it counts."""
    rooms = tree.rooms()
    floors = {name.count("/") for name in tree.toolkit}
    return {
        "rooms of toolkit/mdeploy": len(rooms),
        "of these, loose modules": sum(files == [f"{_PACKAGE}/{room}.py"] for room, files in rooms.items()),
        "folders, nested ones too": len({str(Path(name).parent) for name in tree.toolkit}),
        "depth of folders": max(floors) - min(floors),
        "arrows between rooms": len(tree.arrows()),
        "arrows that run back up": sum(step < 0 for step in _steps(tree)),
        "arrows within a layer": sum(step == 0 for step in _steps(tree)),
        "arrows in a circle": _in_circles(tree),
        "layers": len(tree.layers()),
        f"pairs of {_SPAN} or more equal lines, Python": _pairs(tree, {".py"}),
        f"pairs of {_SPAN} or more equal lines, C++ and Java": _pairs(tree, _SUFFIXES - {".py"}),
        **{title: len(find(tree)) for title, find in HOMES.items()},
    }


def _pairs(tree: Tree, suffixes: set[str]) -> int:
    return len(repeated_pairs({name: text for name, text in tree.texts.items() if Path(name).suffix in suffixes}))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or with ``--where`` the places behind each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="*", type=Path, default=[ROOT], help="checkouts; this one where none is given")
    parser.add_argument("--where", action="store_true", help="the places behind each figure of the first checkout")
    options = parser.parse_args(arguments)
    for root in options.trees:
        if not (root / _PACKAGE).is_dir():
            parser.error(f"{root}: not a checkout: it has no {_PACKAGE}")
    trees = [Tree(root) for root in options.trees]
    if options.where:
        for title, find in HOMES.items():
            print(f"{title}:", *find(trees[0]), sep="\n  ")
        for a, i, b, j in repeated_pairs(trees[0].texts):
            print(f"{a}:{i} = {b}:{j}")
        return
    columns = [counts(tree) for tree in trees]
    print("| |" + "".join(f" {root} |" for root in options.trees))
    print("|---|" + "---:|" * len(trees))
    for title in columns[0]:
        print(f"| {title} |" + "".join(f" {column[title]} |" for column in columns))


if __name__ == "__main__":
    main()
