# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What commands print, put under them where a page asks for it.

A listing behind ``<!-- transcript -->`` is run, line by line, in a folder with the bundled checkpoint as ``ckpt.pt``
and the demo image as ``picture.png``; what stands under a command is replaced by what it prints.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

__all__ = ["commands", "rewrite", "take"]

_LISTING = re.compile(r"(<!-- transcript -->\n```console\n)(.*?)(```)", re.S)
_COLUMNS = 100


def take(root: Path) -> list[Path]:
    """Run the listings of every page, and return the pages that were written."""
    written = []
    for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        if _LISTING.search(text):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copy(root / "examples" / "resnest_small_cifar10.pt", Path(folder) / "ckpt.pt")
                shutil.copy(root / "examples" / "demo_picture.png", Path(folder) / "picture.png")
                page.write_text(rewrite(text, Path(folder)), encoding="utf-8")
            written.append(page)
    return written


def commands(listing: str) -> list[str]:
    """The commands of a listing."""
    return [line[2:] for line in listing.splitlines() if line.startswith("$ ")]


def rewrite(text: str, folder: Path) -> str:
    """Return a page with its listings run in ``folder``."""

    def run(match: re.Match[str]) -> str:
        shown = [f"$ {command}\n{_output(command, folder)}" for command in commands(match[2])]
        return match[1] + "\n".join(shown) + match[3]

    return _LISTING.sub(run, text)


def _output(command: str, folder: Path) -> str:
    """What a terminal of ``_COLUMNS`` columns without colours would show."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": str(_COLUMNS), "TERM": "xterm"}
    environment["MDEPLOY_DB"] = str(folder / "history.db")
    terminal, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, _COLUMNS, 0, 0))
    with subprocess.Popen(
        command, shell=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=side, stderr=subprocess.PIPE
    ) as running:
        os.close(side)
        shown = b""
        with contextlib.suppress(OSError):  # Linux ends a terminal with an error
            while block := os.read(terminal, 65536):
                shown += block
        os.close(terminal)
        said = running.stderr.read() if running.stderr else b""
    if running.returncode != 0:
        raise SystemExit(f"{command}: exit code {running.returncode}\n{said.decode()}")
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
