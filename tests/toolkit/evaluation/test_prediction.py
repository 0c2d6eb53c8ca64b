# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""predict: scores of several runtimes for images, against PyTorch run by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.lineup import Lineup
from mdeploy.backends.registry import get_backend
from mdeploy.cli.main import run
from mdeploy.errors import InputError, UnavailableError, UsageError
from mdeploy.evaluation.prediction import ImagePrediction, predict, probabilities
from mdeploy.formats import checkpoint
from mdeploy.formats.artifact import Artifact


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Five images of the net's own size, so that no resizing stands between them and the check."""
    generator = np.random.default_rng(7)
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    return paths


def test_scores_are_pytorchs(calibrated: Artifact, images: list[Path]) -> None:
    report = predict(Lineup(calibrated, ["torch", "mdeploy"]), images[:2])
    model = checkpoint.build_model(checkpoint.load(calibrated.path.parent / "net.pt"))
    for path, item in zip(images, report.images, strict=False):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"), np.float32) / 255
        tensor = torch.from_numpy((pixels - 0.5) / 0.5).permute(2, 0, 1)[None]
        with torch.inference_mode():
            expected = model(tensor).exp().numpy()[0]
        for scores in item.probabilities.values():
            np.testing.assert_allclose(scores, expected, atol=1e-5)
        assert item.ranking == list(np.argsort(-expected, kind="stable"))
        assert item.difference.max() < 1e-5


def test_by_default_no_files_are_made_first(
    calibrated: Artifact, images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not get_backend("mnn").availability().available:
        pytest.skip("MNN is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = predict(Lineup(calibrated), images[:1])
    assert {"onnxruntime", "mdeploy"} <= first.titles.keys()
    assert "mnn" not in first.titles
    assert "--backends mnn or --backends all" in dict(first.missing)["mnn"]
    told: list[str] = []
    assert "mnn" in predict(Lineup(calibrated, ["mdeploy", "mnn"], tell=told.append), images[:1]).titles
    assert any("making its files" in line for line in told)
    assert "mnn" in predict(Lineup(calibrated), images[:1]).titles


@pytest.mark.parametrize(
    ("values", "meaning", "expected"),
    [
        ([[0.25, 0.75]], "probabilities", [0.25, 0.75]),
        ([[np.log(0.25), np.log(0.75)]], "log_probabilities", [0.25, 0.75]),
        ([[1000.0, 1000.0]], "logits", [0.5, 0.5]),
        ([[0.0, np.log(3.0)]], "logits", [0.25, 0.75]),
    ],
)
def test_every_meaning_becomes_probabilities(values: list[list[float]], meaning: str, expected: list[float]) -> None:
    np.testing.assert_allclose(probabilities(np.array(values), meaning), expected, rtol=1e-12)


def test_difference_and_agreement() -> None:
    item = ImagePrediction("p", {"a": np.array([0.6, 0.4]), "b": np.array([0.6, 0.4]), "c": np.array([0.3, 0.7])})
    np.testing.assert_allclose(item.difference, [0.3, 0.3])
    assert not item.agree
    assert item.ranking == [0, 1]


class TestCommand:
    def test_one_image_is_table_4(
        self, calibrated: Artifact, images: list[Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        flags = ["--backends", "onnxruntime,mdeploy"]
        assert run(["predict", str(calibrated.path), str(images[0]), *flags]) == 0
        out = capsys.readouterr().out
        for text in ("Class", "onnxruntime score", "mdeploy runtime score", "max difference", "airplane", "truck"):
            assert text in out

    def test_many_images_are_one_line_each(
        self, calibrated: Artifact, images: list[Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["predict", str(calibrated.path), str(images[0].parent), "--backends", "onnxruntime,mdeploy"]) == 0
        out = capsys.readouterr().out
        assert "same class for 5 of 5 images" in out
        assert all(path.name in out for path in images)

    def test_json(self, calibrated: Artifact, images: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
        arguments = ["predict", str(calibrated.path), str(images[0]), "--backends", "mdeploy", "--top", "3", "--json"]
        assert run(arguments) == 0
        (image,) = json.loads(capsys.readouterr().out)["pictures"]
        scores = [entry["scores"]["mdeploy"] for entry in image["top"]]
        assert len(scores) == 3
        assert scores == sorted(scores, reverse=True)

    def test_the_default_artifact(
        self,
        calibrated: Artifact,
        images: list[Path],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (tmp_path / "mdeploy-out").symlink_to(calibrated.path)
        monkeypatch.chdir(tmp_path)
        assert run(["predict", images[0].name, "--backends", "mdeploy"]) == 0
        assert run(["predict", "mdeploy-out"]) == 2
        assert run(["predict"]) == 2
        assert run(["predict", "none.png"]) == 3
        capsys.readouterr()


def test_errors(calibrated: Artifact, images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no image"):
        predict(Lineup(calibrated), [])
    with pytest.raises(InputError, match="no such image"):
        predict(Lineup(calibrated), [tmp_path / "none.png"])
    monkeypatch.setenv("MDEPLOY_CAFFE2_PYTHON", "/nowhere")
    with pytest.raises(UnavailableError, match="caffe2"):
        predict(Lineup(calibrated, ["caffe2"]), images)
    report = predict(Lineup(calibrated, None, PrepareOptions(threads=1)), images[:1])
    assert "caffe2" in dict(report.missing)
