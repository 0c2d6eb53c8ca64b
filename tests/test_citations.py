# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Files, sections, flags, targets and verbs that documentation, comments, help and messages name are there."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (
    "toolkit",
    "training",
    "runtime",
    "android_harness",
    "tests",
    "docs",
    "benchmarks",
    "examples",
    "tools",
    ".ci",
)
C_LIKE = {".cc", ".h", ".inc", ".c", ".java", ".kts"}
SHELL_LIKE = {".sh", ".txt", ".toml", ".yaml", ".yml", ".cmake", ""}

# Flags of other programs, where no program's name stands before them on the line.
FOREIGN_FLAGS = {"--environment-variables", "--gc-sections", "--no-build-isolation", "--parallel"}
FOREIGN_FLAGS |= {"--mdeploy-args", "--mdeploy-id", "--mdeploy-net"}  # what a host gives the iPhone app
SYSTEM_HEADERS = {"arm_neon.h", "jni.h"}
OUTPUTS = ("android_harness/target", "toolkit/mdeploy/_native", "table4.md", "table5.md")  # what programs write
FOREIGN_PROGRAMS = re.compile(
    r"\b(adb|am|apksigner|aws|build/\S+|cmake|ctest|gcloud|git|gradlew?|mount|mvn|ninja|pip|pip3|swift|torchrun|xcrun"
    r"|zig|bin/pip|sdkmanager)\b"
)


@dataclass(frozen=True)
class Known:
    """What may be cited."""

    files: frozenset[str]
    paths: frozenset[str]
    """Files and folders."""
    headings: Mapping[str, frozenset[str]]
    targets: frozenset[str]
    verbs: Mapping[str, Mapping[str, frozenset[str]]]
    """Flags by program and verb."""
    flags: frozenset[str]
    """Every flag that any program of the tree declares."""
    caffe2_paths: str = ""


# ---- what there is


def tracked(root: Path) -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return [name for name in listing.splitlines() if (root / name).is_file()]


def click_flags(command: click.Command) -> frozenset[str]:
    return frozenset(o for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("-")) | {"--help"}


def click_tree(group: click.Group) -> dict[str, frozenset[str]]:
    context = click.Context(group)
    verbs = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        verbs[name] = click_flags(command) | click_flags(group)
    return verbs


def declared_flags(root: Path, names: list[str]) -> Iterator[str]:
    """Strings of the sources that are a flag and nothing else: declarations, and arguments of other programs."""
    for name in names:
        path = root / name
        if path.suffix in {".py", *C_LIKE} and path.name != "test_citations.py":
            for literal in re.findall(r"[\"'](--[a-z][\w-]*(?:/--[\w-]+)?)[\"'=]", path.read_text(encoding="utf-8")):
                yield from literal.split("/")


def headings(text: str) -> frozenset[str]:
    """Anchors, and the numbers of numbered sections."""
    found = set()
    for line in re.findall(r"^#+ (.*)$", text, re.M):
        found.add(re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-"))
        if number := re.match(r"\d+", line):
            found.add(number[0])
    return frozenset(found)


@cache
def known() -> Known:
    from mdeploy.cli.main import root as toolkit
    from mdeploy_training.cli import root as training

    files = tracked(ROOT)
    verbs = {"mdeploy": click_tree(toolkit), "mdeploy-train": click_tree(training)}
    flags = {*declared_flags(ROOT, files), *(f for tree in verbs.values() for own in tree.values() for f in own)}
    return Known(
        frozenset(files),
        frozenset({*files, *(str(parent) for file in files for parent in Path(file).parents)}),
        {name: headings((ROOT / name).read_text(encoding="utf-8")) for name in files if name.endswith(".md")},
        frozenset(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)),
        verbs,
        frozenset(flags),
        (ROOT / "docs" / "caffe2.md").read_text(encoding="utf-8"),
    )


# ---- what is said


def said(name: str, text: str) -> Iterator[tuple[int, str, bool]]:
    """Lines that people read, as (line, text, whether all of it is code)."""
    suffix = Path(name).suffix
    if suffix == ".md":
        fenced, before = False, ""
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("```"):
                fenced = not fenced
            elif line.endswith("\\"):  # the command goes on
                before += line[:-1]
            else:
                yield number, before + line, fenced or line.startswith("    ")
                before = ""
    elif suffix == ".py":
        yield from _said_in_python(text, only_docstrings=name.startswith("tests/"))
    elif suffix in C_LIKE:
        for number, line in enumerate(text.splitlines(), 1):
            comment = re.search(r"//.*|^\s*/?\*.*", line)
            strings = re.findall(r'"((?:[^"\\]|\\.)*)"', line[: comment.start()] if comment else line)
            if "/test" in f"/{name}":  # strings of tests are data
                strings = []
            for part in (*strings, *([comment[0]] if comment else ())):
                yield number, part, False
    elif suffix in SHELL_LIKE:
        for number, line in enumerate(text.splitlines(), 1):
            if (start := line.find("#")) >= 0:
                yield number, line[start:], False


def _said_in_python(text: str, only_docstrings: bool) -> Iterator[tuple[int, str, bool]]:
    """Strings of tests are data: what they name need not be there."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string, False
    module = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if only_docstrings and id(node) not in docstrings:
                continue
            for offset, line in enumerate(node.value.split("\n")):
                yield node.lineno + offset, line, bool(re.match(r"\s+(mdeploy|mdeploy-train|make|python) ", line))


def code_spans(line: str, all_code: bool) -> list[str]:
    if all_code:
        return [line.split("  #")[0]]
    return [
        a or b or c for a, b, c in re.findall(r"``([^`]+)``|`([^`]+)`|'((?:make|mdeploy|mdeploy-train) [^']+)'", line)
    ]


# ---- what is wrong


def offences(name: str, text: str, there: Known) -> Iterator[str]:
    for number, line, all_code in said(name, text):
        spans = code_spans(line, all_code)
        for found in (*_files(line, name, there), *_sections(line, name, there), *_flags(line, there)):
            yield f"{name}:{number}: {found}"
        for span in spans:
            for found in (*_targets(span, there), *_verbs(span, there)):
                yield f"{name}:{number}: {found}"


def _files(line: str, name: str, there: Known) -> Iterator[str]:
    for path in re.findall(rf"(?<![\w./{{}}<>$-])((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*+-]*\w/?)", line):
        if not _exists(path, there) and not _exists(f"{Path(name).parent}/{path}", there):
            yield f"{path} does not exist"
    for path in re.findall(r"(?<![\w./{}*$<>-])([\w-]+(?:/[\w-]+)*\.(?:md|py|cc|h|inc|proto))(?![\w*(-]|\.\w)", line):
        if path.split("/")[0] in FOLDERS or path in SYSTEM_HEADERS or path.startswith(OUTPUTS) or "#include" in line:
            continue
        ours = any(f == path or f.endswith(f"/{path}") for f in there.files)
        caffe2 = path in there.caffe2_paths or "operators/" in line.split(path)[0] + path  # (operators/a.h, b.cc)
        if not (ours or caffe2 or re.match(r"[A-Z]+\.", path)):
            yield f"{path} is no file of this repository"


def _exists(path: str, there: Known) -> bool:
    bare = path.rstrip("/.")
    if bare.startswith(OUTPUTS):
        return True
    if "*" in bare:
        return any(fnmatch(file, bare) for file in there.files)
    return any(file == bare or file.startswith((f"{bare}/", f"{bare}.")) for file in there.files)


def _sections(line: str, name: str, there: Known) -> Iterator[str]:
    for path, first, last in re.findall(r"([\w/.-]+\.md),? sections? (\d+)(?: (?:to|and) (\d+))?", line):
        for number in filter(None, (first, last)):
            if number not in there.headings.get(path, ()):
                yield f"{path} has no section {number}"
    if name.endswith(".md"):
        for path in re.findall(r"\]\(([^)#:\s]+)[)#]", line):
            if os.path.normpath(Path(name).parent / path) not in there.paths:
                yield f"the link to {path} leads nowhere"
        for path, anchor in re.findall(r"\]\(([^)#:\s]*)#([\w-]+)\)", line):
            target = os.path.normpath(Path(name).parent / path) if path else name
            if anchor not in there.headings.get(target, ()):
                yield f"{target} has no heading #{anchor}"


def _flags(line: str, there: Known) -> Iterator[str]:
    for match in re.finditer(r"(?<![\w-])--[a-z][\w-]*", line):
        flag = match[0].rstrip("-")
        if flag not in there.flags | FOREIGN_FLAGS and not FOREIGN_PROGRAMS.search(line[: match.start()]):
            yield f"no program has {flag}"


def _targets(span: str, there: Known) -> Iterator[str]:
    for target in re.findall(r"(?:^|&& |; )\s*make ((?:[a-z][\w-]*(?: |$))+)", span):
        for word in target.split():
            if word not in there.targets:
                yield f"the Makefile has no target {word}"


def _verbs(span: str, there: Known) -> Iterator[str]:
    for program, verb, rest in re.findall(
        r"(?:^|[$;&|] *|/bin/)\s*(mdeploy|mdeploy-train) ([a-z][\w-]*)([^;&|]*)", span
    ):
        own = there.verbs[program].get(verb)
        if own is None:
            yield f"{program} has no verb {verb}"
            continue
        for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*|(?<=\s)-[a-z](?=\s)", rest):
            if flag not in own:
                yield f"{program} {verb} has no {flag}"


# ---- the tests


@pytest.mark.parametrize("folder", [*FOLDERS, "."])
def test_everything_cited_is_there(folder: str) -> None:
    there = known()
    found = []
    for name in sorted(there.files):
        inside = name.startswith(f"{folder}/") if folder != "." else not name.startswith(FOLDERS)
        generated = name in {"CHANGELOG.md", "docs/caffe2.md", "tests/test_citations.py"}  # the first tells of the past
        if (
            inside
            and not generated
            and Path(name).suffix in {".md", ".py", *C_LIKE, *SHELL_LIKE}
            and "golden/" not in name
        ):
            found += offences(name, (ROOT / name).read_text(encoding="utf-8"), there)
    assert not found, "\n" + "\n".join(found)


PLANTED = {
    "file": ("a.py", '"""See docs/nowhere.md."""', "docs/nowhere.md does not exist"),
    "file in a comment": ("a.cc", "int x;  // runtime/src/ops/nothing.cc", "runtime/src/ops/nothing.cc does not exist"),
    "bare file": ("a.h", "// By the rules of rules.md", "rules.md is no file of this repository"),
    "no file by that pattern": ("a.md", "see `runtime/src/nothing/*.inc`", "runtime/src/nothing/*.inc does not exist"),
    "section": ("a.h", "// docs/caffe2.md section 12", "docs/caffe2.md has no section 12"),
    "section, the last of two": ("a.h", "// docs/caffe2.md sections 1 to 40", "docs/caffe2.md has no section 40"),
    "heading": ("README.md", "[x](CONTRIBUTING.md#nothing)", "CONTRIBUTING.md has no heading #nothing"),
    "link": ("docs/a.md", "[x](nothing.txt)", "the link to nothing.txt leads nowhere"),
    "flag in a message": ("a.py", 'x = "convert the float32 model; --int17 quantises it"', "no program has --int17"),
    "flag in Java": ("A.java", 'String s = "give --no-flag-of-ours";', "no program has --no-flag-of-ours"),
    "flag of another verb": ("a.md", "`mdeploy inspect x --runs 3`", "mdeploy inspect has no --runs"),
    "flag of another verb, fenced": ("a.md", "```sh\nmdeploy doctor --tol 1\n```", "mdeploy doctor has no --tol"),
    "short flag": ("a.md", "`mdeploy parity -o x`", "mdeploy parity has no -o"),
    "target": ("a.md", "```\nmake nothing\n```", "the Makefile has no target nothing"),
    "target in quotes": ("a.py", "raise E(\"run 'make nothing'\")", "the Makefile has no target nothing"),
    "verb": ("a.py", '"""``mdeploy frobnicate``."""', "mdeploy has no verb frobnicate"),
    "verb in help": ("a.py", 'epilog = """\\b\n  mdeploy frobnicate x\n"""', "mdeploy has no verb frobnicate"),
    "verb of training": ("a.md", "`mdeploy-train frobnicate`", "mdeploy-train has no verb frobnicate"),
}


@pytest.mark.parametrize("plant", PLANTED)
def test_planted_citations_are_found(plant: str) -> None:
    name, text, expected = PLANTED[plant]
    assert [found.split(": ", 1)[1] for found in offences(name, text, known())] == [expected]


def test_true_citations_are_not_found() -> None:
    text = '''"""docs/caffe2.md section 5, kernels/isa, ``mdeploy bench --runs 3 -o x``, 'make demo', --tol."""'''
    assert not [*offences("a.py", text, known())]
