# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Where the differences are: the small maps, and the image of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mdeploy.cli.main import run
from mdeploy.comparison.differences import BINS, difference_map
from mdeploy.formats.artifact import Artifact


class TestMap:
    def test_a_difference_stands_where_it_is(self) -> None:
        reference = np.zeros((1, 4, 8, 16), np.float32)
        actual = reference.copy()
        actual[0, 2, 5, 11] = 0.25
        found = difference_map(reference, actual)
        assert found is not None
        assert found.image.shape == (8, 16)
        assert np.argwhere(found.image).tolist() == [[5, 11]]
        position = (2 * 8 + 5) * 16 + 11
        assert np.flatnonzero(found.profile).tolist() == [position * BINS // 512]
        assert found.profile.max() == found.image.max() == np.float32(0.25)

    def test_it_is_in_units_of_the_tensor(self) -> None:
        found = difference_map(np.full((2, 2), 1000.0), np.full((2, 2), 1001.0))
        assert found is not None
        np.testing.assert_allclose(found.profile, 1e-3, rtol=1e-6)

    def test_nothing_is_lost_by_making_it_small(self) -> None:
        generator = np.random.default_rng(0)
        for shape in ((1, 3, 1000, 7), (100_003,), (5,), (1,), (3, 1, 1), (2, 700, 700)):
            reference = np.zeros(shape)
            actual = reference.copy()
            actual.flat[generator.integers(actual.size)] = 0.5
            found = difference_map(reference, actual)
            assert found is not None
            assert found.profile.max() == found.image.max() == 0.5
            assert max(found.image.shape) <= 512
            assert (found.profile > 0).sum() <= max(1, -(-BINS // actual.size))

    def test_misplaced_infinities_are_nan(self) -> None:
        reference = np.array([[1.0, np.nan, np.inf, -np.inf]])
        found = difference_map(reference, np.array([[1.0, np.nan, -np.inf, 0.0]]))
        assert found is not None
        assert np.isnan(found.image).tolist() == [[False, False, True, True]]
        assert found.image[0, :2].tolist() == [0, 0]

    def test_what_has_no_map(self) -> None:
        assert difference_map(np.zeros(3), np.zeros(4)) is None
        assert difference_map(np.zeros((0, 3)), np.zeros((0, 3))) is None


def pixels(path: Path) -> Any:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).reshape(-1, 3)


def near(colours: Any, wanted: tuple[int, int, int]) -> int:
    """How many pixels have about that colour."""
    return int((np.abs(colours.astype(int) - wanted).max(axis=1) < 12).sum())


RED, MAGENTA = (165, 0, 38), (255, 0, 255)  # far past the tolerance, and misplaced


class TestImage:
    def test_of_outputs(self, calibrated: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        image = tmp_path / "map.png"
        flags = ["--backends", "onnxruntime", "--heatmap", str(image)]
        assert run(["parity", str(calibrated.path), *flags]) == 0
        good = pixels(image)
        assert run(["parity", str(calibrated.path), "--tol", "1e-14", *flags]) == 1
        bad = pixels(image)
        assert near(good, RED) < near(bad, RED)
        assert near(good, MAGENTA) == 0

    def test_of_layers_with_a_fault(
        self,
        with_fault: Callable[..., Artifact],
        calibrated: Artifact,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def spoil(net: Any) -> None:
            fill = max(net.op, key=lambda operator: sum(len(argument.floats) for argument in operator.arg))
            values = next(argument.floats for argument in fill.arg if argument.name == "values")
            values[0] = float("nan")

        images = []
        for number, artifact in enumerate((calibrated, with_fault(spoil, "init_net.pb"))):
            image = tmp_path / f"{number}.png"
            flags = ["--layers", "--backends", "mdeploy", "--heatmap", str(image)]
            assert run(["parity", str(artifact.path), *flags]) == number
            images.append(pixels(image))
        assert near(images[0], MAGENTA) == 0
        assert near(images[1], MAGENTA) > 100

    def test_without_the_library(
        self, calibrated: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in [name for name in sys.modules if name.startswith("matplotlib")]:
            monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        flags = ["--backends", "onnxruntime", "--heatmap", str(tmp_path / "map.png")]
        assert run(["parity", str(calibrated.path), *flags]) == 5
        assert "mdeploy[report]" in capsys.readouterr().err
        assert not list(tmp_path.iterdir())


class TestTolerances:
    def test_of_one_output(self, calibrated: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
        output = calibrated.manifest.outputs[0].name
        command = ["parity", str(calibrated.path), "--backends", "onnxruntime"]
        assert run([*command, "--tol", "1e-14"]) == 1
        assert run([*command, "--tol", "1e-14", "--tol", f"{output}=1e-4"]) == 0
        assert f"{output} 0.0001" in capsys.readouterr().out
        assert run([*command, "--tol", f"{output}=1e-14"]) == 1
        assert run([*command, "--tol", f"{output}=1e-14", "--rtol", "1e-4"]) == 0

    @pytest.mark.parametrize("bad", ["nothere=1", "output=", "=x", "output=-1", "nan", "inf"])
    def test_mistakes(self, bad: str, calibrated: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["parity", str(calibrated.path), "--backends", "onnxruntime", "--tol", bad]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
