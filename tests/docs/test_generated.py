# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Generated pages are what their programs write today; the index knows every page; images are small."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from tools.docs import images
from tools.docs.__main__ import LONG, PAGES, old_pages


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_new(name: str, repository: Path) -> None:
    assert (repository / name).read_text(encoding="utf-8") == PAGES[name](), "old: make docs"


def test_an_old_page_is_found(tmp_path: Path) -> None:
    for name, text in PAGES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text(), encoding="utf-8")
    assert old_pages(tmp_path) == []
    (tmp_path / "docs" / "commands.md").write_text("# Commands\n", encoding="utf-8")
    (tmp_path / "docs" / "operators.md").unlink()
    assert sorted(old_pages(tmp_path)) == ["docs/commands.md", "docs/operators.md"]


def test_programs_that_measure_are_there(repository: Path) -> None:
    for program, page in LONG:
        assert (repository / f"{program.replace('.', '/')}.py").is_file()
        assert (repository / page).is_file()


def test_the_reference_has_every_verb_and_flag() -> None:
    from mdeploy.cli.main import VERBS

    text = PAGES["docs/commands.md"]()
    assert all(f"### mdeploy {verb}\n" in text for verb in VERBS)
    assert "| `--apk` / `--no-apk` |" in text
    assert "| `--pairs` 1 to 1000 |" in text


@pytest.mark.parametrize("kind", ["light", "dark"])
def test_the_drawing_is_whole(kind: str) -> None:
    drawing = ElementTree.fromstring(PAGES[f"docs/images/way-{kind}.svg"]())
    _, _, width, height = map(float, drawing.attrib["viewBox"].split())
    texts = [element for element in drawing if element.tag.endswith("text")]
    assert {"convert", "parity", "package", "bench"} <= {element.text for element in texts}
    for box in (element for element in drawing if element.tag.endswith("rect")):
        assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width
        assert float(box.attrib["y"]) + float(box.attrib["height"]) <= height


def test_the_index_lists_every_page(repository: Path) -> None:
    index = (repository / "docs" / "index.md").read_text(encoding="utf-8")
    linked = {*re.findall(r"\]\(([\w-]+\.md)\)", index)}
    assert linked == {page.name for page in (repository / "docs").glob("*.md")} - {"index.md"}
    assert all(len(line) < 160 for line in index.splitlines()), "one line each"


def test_images_are_small_and_shown(repository: Path) -> None:
    pages = "".join(
        page.read_text(encoding="utf-8") for page in [*repository.glob("*.md"), *repository.rglob("docs/*.md")]
    )
    for image in (repository / "docs" / "images").iterdir():
        assert image.stat().st_size <= images.LARGEST
        assert f"images/{image.name}" in pages
