# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the generated pages: ``python -m tools.docs [--check] [--long] [--runs]``, or ``make docs``.

Without a flag the quick ones are written: the operators, the command reference, the drawing. ``--check`` writes nothing
and says which are old. ``--runs`` also runs the commands whose output is shown, and takes images of the report page
(needs chromium) and of the app (where its JVM tests have drawn it). ``--long`` runs ONNX's own tests and the published
models, which takes long.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.docs import commands, images, operators, transcripts, way

__all__ = ["PAGES", "main", "old_pages"]

ROOT = Path(__file__).resolve().parents[2]

PAGES: dict[str, Callable[[], str]] = {**operators.PAGES, **commands.PAGES, **way.PAGES}
"""Each quick page, and what returns its text."""

LONG = (
    ("tools.conformance.onnx_backend", "docs/conformance.md"),
    ("tools.conformance.models", "docs/models.md"),
)
"""Programs that measure before they write."""


def old_pages(root: Path = ROOT) -> list[str]:
    """The quick pages whose file is not what would be written today."""
    return [name for name, text in PAGES.items() if not _is(root / name, text())]


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def main(arguments: list[str]) -> int:
    """Write or check the pages; 1 when ``--check`` finds an old one."""
    unknown = {*arguments} - {"--check", "--long", "--runs"}
    if unknown:
        print(__doc__, file=sys.stderr)
        return 2
    if "--check" in arguments:
        old = old_pages()
        for name in old:
            print(f"{name} is old: make docs")
        return 1 if old else 0
    for name, text in PAGES.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), encoding="utf-8")
        print(name)
    if "--runs" in arguments:
        for path in (*transcripts.take(ROOT), *images.take(ROOT)):
            print(path.relative_to(ROOT))
    if "--long" in arguments:
        for program, page in LONG:
            subprocess.run([sys.executable, "-m", program, "--document", page], cwd=ROOT, check=True)
            print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
