# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Makes ``documents/``: one of each document that outlives a run, as the verbs of today write it.

    .venv/bin/python tests/golden/make_documents.py FOLDER_OF_IMAGES tests/golden/documents

Run it when a document gets a new version, into new names: files of older versions stay as they are, since they stand
for what people have kept. Every later mdeploy has to read them (``tests/toolkit/formats/test_documents.py``).
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

from mdeploy.cli.main import run
from mdeploy.cli.show.bench import print_outcomes
from mdeploy.deployment.devices.fleet import Outcome
from mdeploy.errors import UnavailableError
from mdeploy.formats import checkpoint
from mdeploy.formats.manifest import InputSpec, Resize
from mdeploy.formats.report import Report
from mdeploy_training.models import resnest_small
from mdeploy_training.models.calibration import calibrate

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARGUMENTS: dict[str, Any] = {"layers": [1, 1], "widths": [8, 16], "strides": [1, 2]}


def make_checkpoint(path: Path) -> None:
    model = calibrate(resnest_small(**ARGUMENTS), (1, 3, 32, 32), 0)
    half = (0.5, 0.5, 0.5)
    spec = InputSpec("input", (1, 3, 32, 32), "float32", "NCHW", "rgb", half, half, Resize("bilinear", size=(32, 32)))
    metrics = {"test_accuracy": 0.25}
    made = checkpoint.Checkpoint(
        "resnest_small", ARGUMENTS, model.state_dict(), spec, "log_probabilities", LABELS, metrics
    )
    checkpoint.save(made, path)


def printed(*arguments: str) -> str:
    """What a verb prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = run(list(arguments))
    if code != 0:
        raise SystemExit(f"mdeploy {' '.join(arguments)}: exit code {code}")
    return out.getvalue()


def printed_outcomes(report: Report) -> str:
    """What bench prints for several devices, one of which went away."""
    lost = Outcome("adb:PHONE", error=UnavailableError("adb:PHONE: the device went away"))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print_outcomes([Outcome("local", report, Path("net-bench-local.json")), lost], as_json=True)
    return out.getvalue()


def main(images: Path, folder: Path) -> None:
    os.environ["MDEPLOY_DB"] = str(folder / "history.db")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        make_checkpoint(place / "net.pt")
        artifact = str(place / "net")
        printed("convert", str(place / "net.pt"), "-o", artifact, "--name", "net")
        shutil.copyfile(place / "net" / "manifest.json", folder / "manifest-1.json")
        bench = ["bench", artifact, "--runs", "10", "--warmup", "1", "--threads", "1", "-o", str(place), "--json"]
        (folder / "report-1.json").write_text(printed(*bench, "--profile"))
        report = Report.read(folder / "report-1.json")
        (folder / "outcomes.json").write_text(printed_outcomes(report))
        parity = ["parity", artifact, "--json", "--backends"]
        (folder / "parity-1.json").write_text(printed(*parity, "onnxruntime,mdeploy"))
        (folder / "layers-1.json").write_text(printed(*parity, "mdeploy", "--layers"))
        evaluate = ["evaluate", artifact, "--data", str(images), "--limit", "10", "--backends", "onnxruntime,mdeploy"]
        (folder / "evaluation-1.json").write_text(printed(*evaluate, "--json"))
    with contextlib.closing(sqlite3.connect(folder / "history.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # one file, not three
        connection.execute("VACUUM")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
