# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The preprocessing flags: what they make of an input, what they refuse, and an artifact that gets them afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mdeploy.conversion.preprocessing import PRESETS, PreprocessingFlags, preprocessed, rewrite_artifact
from mdeploy.errors import UsageError
from mdeploy.formats.artifact import Artifact, ArtifactWriter
from mdeploy.formats.manifest import GoldenEntry, InputSpec, Manifest, OutputSpec, Resize, Source
from mdeploy.native.images import image_input

NET = InputSpec("x", (1, 3, 224, 224), layout="NCHW", color_order="rgb")
GRAY = InputSpec("x", (1, 1, 28, 30), layout="NCHW", color_order="gray")


def made(flags: PreprocessingFlags, spec: InputSpec = NET) -> InputSpec:
    return preprocessed(spec, flags)


def test_without_flags_nothing_changes() -> None:
    assert made(PreprocessingFlags()) == NET
    only = made(PreprocessingFlags(mean=(0.1, 0.2, 0.3)))
    assert (only.mean, only.std, only.preprocessing) == ((0.1, 0.2, 0.3), (1.0, 1.0, 1.0), None)


def test_the_imagenet_preset_is_torchvisions() -> None:
    models = pytest.importorskip("torchvision.models")
    transform = models.ResNet18_Weights.DEFAULT.transforms()
    spec = made(PreprocessingFlags(preset="imagenet"))
    how = spec.preprocessing
    assert how is not None
    assert (spec.mean, spec.std) == (tuple(transform.mean), tuple(transform.std))
    assert ([how.short_side], how.crop, how.interpolation) == (transform.resize_size, (224, 224), "bilinear")


def test_presets_follow_the_nets_size() -> None:
    large = InputSpec("x", (1, 3, 299, 299), layout="NCHW", color_order="rgb")
    how = made(PreprocessingFlags(preset="inception"), large).preprocessing
    assert how is not None
    assert (how.short_side, how.crop) == (342, (299, 299))
    for name in PRESETS:
        assert made(PreprocessingFlags(preset=name), large).mean is not None


def test_other_flags_go_before_a_preset() -> None:
    spec = made(PreprocessingFlags(preset="imagenet", size=(224, 224), mean=(0.5, 0.5, 0.5), interpolation="lanczos"))
    how = spec.preprocessing
    assert how is not None
    assert (how.size, how.short_side, how.crop, how.interpolation) == ((224, 224), None, None, "lanczos")
    assert spec.mean == (0.5, 0.5, 0.5)


def test_what_an_input_says_already_stays() -> None:
    old = InputSpec(
        "x", (1, 3, 32, 32), layout="NCHW", color_order="rgb", resize=Resize("nearest", short_side=40), crop=(32, 32)
    )
    spec = made(PreprocessingFlags(background=(1, 2, 3)), old)
    how = spec.preprocessing
    assert how is not None
    assert (spec.resize, spec.crop) == (None, None)
    assert (how.short_side, how.crop, how.interpolation, how.background) == (40, (32, 32), "nearest", (1, 2, 3))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (PreprocessingFlags(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)), "--mean 0.485,0.456,0.406"),
        (PreprocessingFlags(mean=(0.5,) * 4, std=(0.5,) * 4), "4 values"),
        (PreprocessingFlags(scale="0-255", mean=(0.5,) * 3), "leaves no room"),
        (PreprocessingFlags(scale="-1-1", preset="imagenet"), "leaves no room"),
        (PreprocessingFlags(short_side=256), "add --crop 224x224"),
        (PreprocessingFlags(short_side=256, crop=(200, 200)), "200x200"),
        (PreprocessingFlags(size=(224, 192)), "224x192"),
        (PreprocessingFlags(color_order="gray"), "3 channels"),
        (PreprocessingFlags(short_side=9, letterbox=(224, 224)), "exclude each other"),
        (PreprocessingFlags(size=(224, 224), interpolation="box", antialias=False), "box does not exist"),
    ],
)
def test_contradictions_are_usage(flags: PreprocessingFlags, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        made(flags)


def test_one_channel_takes_no_bgr_and_no_preset() -> None:
    for flags in (PreprocessingFlags(color_order="bgr"), PreprocessingFlags(preset="imagenet")):
        with pytest.raises(UsageError):
            made(flags, GRAY)
    assert made(PreprocessingFlags(size=(28, 30)), GRAY).preprocessing is not None


def artifact(path: Path) -> Path:
    inputs = (InputSpec("x", (1, 3, 4, 6), layout="NCHW", color_order="rgb"),)
    outputs = (OutputSpec("y", (1, 2)),)
    with ArtifactWriter(path) as writer:
        writer.add_file("init_net.pb", b"")
        writer.add_file("predict_net.pb", b"net")
        writer.add_golden(
            GoldenEntry("zeros", "zeros"), [np.zeros((1, 3, 4, 6), np.float32)], [np.zeros((1, 2), np.float32)]
        )
        writer.finish(Manifest("m", Source("onnx", "m.onnx", "0" * 64), {"mdeploy": "0"}, inputs, outputs))
    return path


def test_an_artifact_gets_its_preprocessing_afterwards(tmp_path: Path) -> None:
    path = artifact(tmp_path / "a")
    before = Artifact.open(path).manifest
    rewrite_artifact(path, PreprocessingFlags(size=(4, 6), scale="-1-1"))
    after = Artifact.open(path, verify=True).manifest
    assert (after.files, after.golden) == (before.files, before.golden)
    Image.new("RGB", (50, 40), (255, 0, 0)).save(tmp_path / "p.png")
    tensor = image_input(tmp_path / "p.png", after.inputs[0])
    assert tensor[0, :, 2, 3].tolist() == [1.0, -1.0, -1.0]


def test_what_is_refused_leaves_the_artifact(tmp_path: Path) -> None:
    path = artifact(tmp_path / "a")
    before = (path / "manifest.json").read_bytes()
    with pytest.raises(UsageError):
        rewrite_artifact(path, PreprocessingFlags(crop=(3, 3)))
    assert (path / "manifest.json").read_bytes() == before
