# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One version: pyproject.toml's. Every other place that names it must agree."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import mdeploy
from mdeploy import native

ROOT = Path(__file__).resolve().parent.parent


def only(pattern: str, file: str) -> str:
    """The one match in a file; a place that no longer says it in this form fails too."""
    [found] = re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"), re.M)
    return str(found)


VERSION = only(r'^version = "([^"]+)"$', "pyproject.toml")


def test_python() -> None:
    assert mdeploy.__version__ == VERSION


def test_the_library_and_its_header() -> None:
    assert only(r'^#define MDEPLOY_VERSION "([^"]+)"$', "runtime/include/mdeploy/mdeploy_runtime.h") == VERSION
    assert native.version() == VERSION


def test_cmake_reads_the_header() -> None:
    assert only(r"^project\(mdeploy_runtime VERSION (\S+) ", "runtime/CMakeLists.txt") == "${MDEPLOY_VERSION}"


def test_the_app_by_gradle_and_by_maven() -> None:
    assert only(r'versionName = "([^"]+)"', "android_harness/app/build.gradle.kts") == VERSION
    project = ElementTree.parse(ROOT / "android_harness" / "pom.xml").getroot()
    assert project.findtext("{*}version") == VERSION


def test_the_newest_heading_of_the_changelog() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert headings[0].split()[0].strip("[],") == VERSION
