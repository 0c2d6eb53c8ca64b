# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Images of the report page and of the app's screen, as people see them.

The page is one of real runs of the bundled checkpoint: parity, and benches of this machine. The app's screen is what
``pytest tests/android/test_android_app.py`` has drawn into ``android_harness/target``: Android's own renderer, with
real inference behind it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

__all__ = ["LARGEST", "take"]

LARGEST = 200_000
"""Bytes that an image may have: they are in every checkout."""

_WIDTH, _HEIGHT = 1100, 1250


def take(root: Path) -> Iterator[Path]:
    """Write the images that this machine can make, and yield their paths."""
    folder = root / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("no image of the report page: chromium is not installed", file=sys.stderr)
    else:
        with tempfile.TemporaryDirectory() as work:
            shot = _report_page(root, Path(work), chromium)
            yield _keep(shot, folder / "report-page.png", width=1100)
    for kind in ("light", "night"):
        screen = root / "android_harness" / "target" / f"screen-{kind}.png"
        if screen.is_file():
            yield _keep(screen, folder / f"app-{kind}.png", width=400)
        else:
            print(f"no image of the app: {screen} is not there; pytest tests/android draws it", file=sys.stderr)


def _report_page(root: Path, work: Path, chromium: str) -> Path:
    environment = {**os.environ, "MDEPLOY_DB": str(work / "history.db")}

    def mdeploy(*arguments: str) -> None:
        command = [sys.executable, "-m", "mdeploy", *arguments]
        subprocess.run(command, cwd=work, env=environment, check=True, stdout=subprocess.DEVNULL)

    mdeploy("convert", str(root / "examples" / "resnest_small_cifar10.pt"), "--name", "resnest_small")
    mdeploy("parity", "--tol", "1e-5")
    mdeploy("bench", "--threads", "1", "--rounds", "5", "--runs", "60", "--profile")
    mdeploy("report", "-o", "report.html")
    shot = work / "report.png"
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--window-size={_WIDTH},{_HEIGHT}", "--virtual-time-budget=15000"]
    command += [f"--user-data-dir={work / 'profile'}"]
    subprocess.run([*command, f"--screenshot={shot}", (work / "report.html").as_uri()], check=True, capture_output=True)
    return shot


def _keep(image: Path, target: Path, width: int) -> Path:
    """Scale an image down to ``width`` and write it with a palette, which is small."""
    with Image.open(image) as opened:
        drawn = opened.convert("RGB")
    if drawn.width > width:
        drawn = drawn.resize((width, round(drawn.height * width / drawn.width)), Image.Resampling.LANCZOS)
    drawn.quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)
    size = target.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{target}: {size} bytes, more than {LARGEST}")
    return target
