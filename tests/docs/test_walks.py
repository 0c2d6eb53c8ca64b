# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The walks of CONTRIBUTING.md: few files each, all there, and no other source knows of the example."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCES = ("toolkit/mdeploy", "runtime/src", "runtime/harness/src", "android_harness/app/src/main")
SUFFIXES = {".py", ".cc", ".h", ".inc", ".java", ".json", ".kt"}


@dataclass(frozen=True)
class Walk:
    """At most ``files`` files; ``example`` finds the sources that know of the example of the walk."""

    heading: str
    files: int
    example: str


WALKS = (
    Walk("Adding an operator", 6, r"HardSigmoid|hard_sigmoid"),
    Walk("Adding a backend", 6, r"optional\.openvino|import openvino"),
    Walk("Adding a report field", 5, r"verify_ms"),
    Walk("Adding a bench option", 4, r'"--affinity"|[oO]ptions_?(\.|::)affinity\b'),
    Walk("Adding a verb", 3, r'"inspect"|mdeploy\.inspection\b'),
)


def section(text: str, heading: str) -> str:
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def steps(text: str) -> list[str]:
    """The file of each step."""
    return re.findall(r"^\d+\. `([^`]+)`:", text, re.M)


def sources_with(root: Path, pattern: str) -> set[str]:
    return {
        path.relative_to(root).as_posix()
        for folder in SOURCES
        for path in (root / folder).rglob("*")
        if path.suffix in SUFFIXES and "_native" not in path.parts and re.search(pattern, path.read_text("utf-8"))
    }


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.heading)
def test_the_walk_is_true(walk: Walk, repository: Path) -> None:
    told = section((repository / "CONTRIBUTING.md").read_text(encoding="utf-8"), walk.heading)
    listed = steps(told)
    assert len(listed) == len(re.findall(r"^\d+\. ", told, re.M)), "every step names its file"
    assert 1 <= len(listed) <= walk.files
    assert not [name for name in listed if not (repository / name).is_file()]
    named = {*re.findall(r"`([^`]+)`", told)}
    assert not sources_with(repository, walk.example) - named, "the walk forgets these"


def test_every_walk_is_tested(repository: Path) -> None:
    headings = re.findall(r"^## (Adding .*)$", (repository / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.M)
    assert headings == [walk.heading for walk in WALKS]
