# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""evaluate: counts against a loop over PyTorch, agreement of runtimes, files written, errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.lineup import Lineup
from mdeploy.cli.main import run
from mdeploy.errors import InputError, UnavailableError
from mdeploy.evaluation.dataset import read_image_folder
from mdeploy.evaluation.run import evaluate
from mdeploy.evaluation.worker import Worker
from mdeploy.formats import checkpoint
from mdeploy.formats.artifact import Artifact


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty images in two classes; more than one turn of the runtimes, and not a whole number of turns."""
    root = tmp_path_factory.mktemp("data") / "test"
    generator = np.random.default_rng(3)
    for label in ("airplane", "ship"):
        (root / label).mkdir(parents=True)
        for i in range(20):
            low = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(low).resize((32, 32), Image.Resampling.BICUBIC).save(root / label / f"{i:02}.png")
    return root


def test_counts_are_those_of_a_plain_loop(calibrated: Artifact, folder: Path) -> None:
    assert calibrated.manifest.labels is not None
    images = read_image_folder(folder, calibrated.manifest.labels)
    report = evaluate(Lineup(calibrated, ["torch", "onnxruntime", "mdeploy"], PrepareOptions(threads=1)), [images])
    (result,) = report.sets

    model = checkpoint.build_model(checkpoint.load(calibrated.path.parent / "net.pt"))
    right = right5 = 0
    for item in images.images:
        with Image.open(item.path) as image:
            pixels = np.asarray(image.convert("RGB"), np.float32) / 255
        with torch.inference_mode():
            top = model(torch.from_numpy((pixels - 0.5) / 0.5).permute(2, 0, 1)[None])[0].topk(5).indices.tolist()
        right += top[0] == item.label
        right5 += item.label in top
    assert [row.runtime for row in result.runtimes] == ["torch", "onnxruntime", "mdeploy"]
    for row in result.runtimes:
        assert (row.top1.count, row.top1.total) == (right, 40)
        assert row.top5 is not None
        assert row.top5.count == right5
        assert row.times.min_ms > 0
    for row in result.runtimes[1:]:
        assert row.agreement is not None
        assert (row.agreement.count, row.agreement.total) == (40, 40)
        assert row.max_difference is not None
        assert row.max_difference < 1e-5
    assert result.disagreements == ()
    sizes = {runtime.name: runtime.model_bytes for runtime in report.runtimes}
    assert sizes["torch"] == (calibrated.path.parent / "net.pt").stat().st_size
    assert sizes["onnxruntime"] == (calibrated.path / "model.onnx").stat().st_size
    assert all(runtime.load_seconds > 0 for runtime in report.runtimes)


def test_disagreements_are_listed(calibrated: Artifact, folder: Path, with_fault: object) -> None:
    # A runtime whose net answers another class for some images: the last bias moved.
    assert callable(with_fault)

    def move(net: object) -> None:
        biases = [o for o in net.op if [list(a.ints) for a in o.arg if a.name == "shape"] == [[10]]]  # type: ignore[attr-defined]
        values = next(a.floats for a in biases[-1].arg if a.name == "values")
        values[3] += 4.0

    artifact = with_fault(move, "init_net.pb")
    assert artifact.manifest.labels is not None
    report = evaluate(
        Lineup(artifact, ["onnxruntime", "mdeploy"], PrepareOptions(1)),
        [read_image_folder(folder, artifact.manifest.labels)],
    )
    (result,) = report.sets
    agreement = result.runtimes[1].agreement
    assert agreement is not None
    assert agreement.count < 40
    assert len(result.disagreements) == 40 - agreement.count
    first = result.disagreements[0]
    assert first.classes["mdeploy"] == "cat"
    assert first.classes["onnxruntime"] != "cat"
    assert (folder / first.image).is_file()


class TestCommand:
    def test_files_and_json(
        self, calibrated: Artifact, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = [
            "evaluate",
            str(calibrated.path),
            "--data",
            str(folder),
            "--small-data",
            str(folder),
            "--limit",
            "10",
        ]
        arguments += ["--backends", "onnxruntime,mdeploy", "--json"]
        arguments += ["--csv", str(tmp_path / "t.csv"), "--markdown", str(tmp_path / "t.md")]
        assert run(arguments) == 0
        report = json.loads(capsys.readouterr().out)
        assert [(item["pictures"], item["subset"]) for item in report["sets"]] == [(40, False), (10, True)]
        rows = list(csv.DictReader((tmp_path / "t.csv").open()))
        assert len(rows) == 4
        small = report["sets"][0]["runtimes"][1]
        assert float(rows[1]["top1"]) == small["top1"]["value"]
        assert float(rows[1]["p50_ms"]) == small["ms_per_picture"]["p50_ms"]
        text = (tmp_path / "t.md").read_text()
        assert "subset of 10 of 40 images" in text
        assert "| mdeploy runtime |" in text
        table5 = text.split("###")[0]
        assert all(f"{name} images" in table5 for name in ("Test acc, 40", "Avg time, 40", "Test acc, 10"))
        assert "Every backend names the same class for every image." in text

    def test_table(
        self,
        calibrated: Artifact,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("COLUMNS", "200")  # headings stay whole, however slow the machine
        arguments = ["evaluate", str(calibrated.path), "--data", str(folder), "--limit", "4", "--backends", "mdeploy"]
        assert run(arguments) == 0
        out = capsys.readouterr().out
        assert all(text in out for text in ("top-1 %", "median ms", "Peak memory MB", "mdeploy runtime"))

    def test_errors(self, calibrated: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = str(calibrated.path)
        assert run(["evaluate", path]) == 2
        assert run(["evaluate", path, "--data", str(tmp_path / "none")]) == 3
        (tmp_path / "set" / "ship").mkdir(parents=True)
        (tmp_path / "set" / "ship" / "broken.png").write_bytes(b"not an image")
        assert run(["evaluate", path, "--data", str(tmp_path / "set"), "--backends", "mdeploy"]) == 3
        assert "broken.png" in capsys.readouterr().err


class TestWorker:
    def test_a_worker_that_cannot_load_says_why(self, calibrated: Artifact, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file"):
            Worker("torch", calibrated.path, PrepareOptions(source=tmp_path / "none.pt"))

    def test_a_killed_worker_is_an_error_not_a_hang(self, calibrated: Artifact) -> None:
        with Worker("onnxruntime", calibrated.path, PrepareOptions(threads=1)) as worker:
            worker.kill()
            with pytest.raises(UnavailableError, match="its process ended"):
                worker.run([np.zeros((1, 3, 32, 32), np.float32)])

    def test_memory_is_the_workers_own(self, calibrated: Artifact) -> None:
        with Worker("mdeploy", calibrated.path, PrepareOptions(threads=1)) as worker:
            peak = worker.peak_memory()
        assert peak is None or 10e6 < peak < 1e9
