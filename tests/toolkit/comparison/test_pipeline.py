# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``parity --pipeline``: what is right is the same to the bit, each planted fault is found and named by its stage."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mdeploy.backends.base import PrepareOptions
from mdeploy.caffe2.messages import NetDef
from mdeploy.cli.main import run
from mdeploy.comparison.pipeline.named import _of_torchvision
from mdeploy.comparison.pipeline.picture import draw_pipeline
from mdeploy.comparison.pipeline.run import PipelineReport, run_pipeline
from mdeploy.comparison.pipeline.source import SourceTransform, source_stages
from mdeploy.comparison.request import ParityRequest
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.conversion.preprocessing import PreprocessingFlags, preprocessed
from mdeploy.conversion.sources import SourceOptions
from mdeploy.errors import InputError, UsageError
from mdeploy.formats.artifact import Artifact, ArtifactWriter
from mdeploy.formats.manifest import InputSpec
from mdeploy.native.images import find_images

CODE = """
from torch import nn
from torchvision import transforms

def net():
    return nn.Sequential(nn.Conv2d(3, 6, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 10 * 10, 4))

def transform():
    resize = transforms.Resize(36, transforms.InterpolationMode.BICUBIC)
    normalise = transforms.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.25))
    return transforms.Compose([resize, transforms.CenterCrop(33), transforms.ToTensor(), normalise])

def odd():
    return transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])

def wrong_size():
    return transforms.Compose([transforms.Resize((20, 20)), transforms.ToTensor()])

READY = transform()
"""
FLAGS = PreprocessingFlags(
    short_side=36, crop=(33, 33), interpolation="bicubic", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25)
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted net of one's own with its code, and three photographs, one of them held upright."""
    pytest.importorskip("torchvision")
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "pipeline_net.py").write_text(CODE)
    code: dict[str, Any] = {}
    exec(CODE, code)
    torch.manual_seed(0)
    torch.save(code["net"]().state_dict(), folder / "w.pth")
    source = SourceOptions(f"{folder / 'pipeline_net.py'}:net", {}, {"": (1, 3, 33, 33)})
    convert(folder / "w.pth", ConvertOptions(folder / "out", source=source, preprocessing=FLAGS))
    (folder / "photos").mkdir()
    generator = np.random.default_rng(0)
    for index, (height, width) in enumerate(((120, 191), (131, 92), (73, 75))):
        y, x = np.mgrid[:height, :width]
        edges = np.stack([(x // 7 + y // 5) % 2 * 255, x * 255 // width, y * 255 // height], -1)
        noisy = np.clip(edges + generator.integers(-60, 60, edges.shape), 0, 255).astype(np.uint8)
        image = Image.fromarray(noisy)
        exif = image.getexif()
        exif[0x0112] = 6 if index == 1 else 1
        image.save(folder / "photos" / f"{index}.png", exif=exif)
    return folder


Planted = Callable[[Callable[[InputSpec], InputSpec]], Artifact]


@pytest.fixture
def planted(place: Path, tmp_path: Path) -> Planted:
    """A copy of the artifact whose input says something else."""

    def make(change: Callable[[InputSpec], InputSpec]) -> Artifact:
        shutil.copytree(place / "out", tmp_path / "out", dirs_exist_ok=True)
        artifact = Artifact.open(tmp_path / "out")
        with ArtifactWriter(tmp_path / "out") as writer:
            for name in artifact.manifest.files:
                writer.add_file(name, (artifact.path / name).read_bytes())
            manifest = replace(artifact.manifest, inputs=(change(artifact.manifest.inputs[0]),))
            return writer.finish(manifest, golden=artifact.manifest.golden)

    return make


def pipeline(
    place: Path, artifact: Artifact, transform: str | None = "transform", model: str | None = "net"
) -> PipelineReport:
    code = place / "pipeline_net.py"
    options = PrepareOptions(0, place / "w.pth", None if model is None else f"{code}:{model}", None)
    factory = None if transform is None else f"{code}:{transform}"
    return run_pipeline(ParityRequest(artifact, options=options), find_images([place / "photos"]), factory)


def how(**fields: Any) -> Callable[[InputSpec], InputSpec]:
    def change(spec: InputSpec) -> InputSpec:
        assert spec.preprocessing is not None
        return replace(spec, preprocessing=replace(spec.preprocessing, **fields))

    return change


def test_what_is_right_is_the_same_to_the_bit(place: Path) -> None:
    for transform in ("transform", "READY"):
        report = pipeline(place, Artifact.open(place / "out"), transform)
        assert report.exit_code == 0
        assert [image.tensor for image in report.images] == [0.0, 0.0, 0.0]
        assert all(stage.steps == 0 for image in report.images for stage in image.stages)
        assert all(image.scores.passed and image.top1[0] == image.top1[1] for image in report.images)
        assert report.verdict() == "3 of 3 images are the same from the file to the scores"
        assert report.notes == ()
    with pytest.raises(InputError, match="no stage before the net differs"):
        draw_pipeline(report)


@pytest.mark.parametrize(
    ("stage", "change", "images"),
    [
        ("normalise", lambda spec: replace(spec, mean=(0.5, 0.5, 0.3)), 3),
        ("normalise", lambda spec: replace(spec, std=(0.2, 0.3, 0.26)), 3),
        ("colour", lambda spec: replace(spec, color_order="bgr"), 3),
        ("resize", how(interpolation="bilinear"), 3),
        ("resize", how(antialias=False), 3),
        ("resize", how(short_side=40), 3),
        ("resize", how(short_side=None, size=(36, 36)), 2),
        ("resize", how(arithmetic="tensor"), 3),
        ("crop", how(crop_rounding="down"), None),
        ("orientation", how(orientation="stored"), 1),
        ("scale", how(scale="0-255"), 3),
    ],
)
def test_a_planted_fault_is_named_by_its_stage(
    place: Path, planted: Planted, stage: str, change: Callable[[InputSpec], InputSpec], images: int | None
) -> None:
    report = pipeline(place, planted(change))
    assert report.exit_code == 1
    assert report.failed[0].first == stage
    assert f"the first stage that differs is {stage}: " in report.verdict()
    if images is not None:
        assert len(report.failed) == images
    assert {image.first for image in report.failed} == {stage}
    picture = Image.open(io.BytesIO(draw_pipeline(report)))
    assert picture.width > 300


def test_the_difference_is_in_steps_of_a_pixel(place: Path, planted: Planted) -> None:
    report = pipeline(place, planted(lambda spec: replace(spec, mean=(0.5, 0.5, 0.3))))
    culprit = report.images[0].culprit
    assert culprit is not None
    assert culprit.steps == pytest.approx(25.5, abs=0.01)  # a tenth of 255
    assert "25.5/255" in report.verdict()


def test_a_wrong_weight_is_the_nets(place: Path, planted: Planted, tmp_path: Path) -> None:
    artifact = planted(lambda spec: spec)
    net = NetDef.FromString((artifact.path / "init_net.pb").read_bytes())
    next(a for op in net.op for a in op.arg if a.name == "values" and len(a.floats) > 100).floats[3] += 0.5
    with ArtifactWriter(artifact.path) as writer:
        for name in artifact.manifest.files:
            content = net.SerializeToString() if name == "init_net.pb" else (artifact.path / name).read_bytes()
            writer.add_file(name, content)
        changed = writer.finish(artifact.manifest, golden=artifact.manifest.golden)
    report = pipeline(place, changed)
    assert report.exit_code == 1
    assert {image.first for image in report.failed} == {"net"}
    assert "the net differs: scores by up to" in report.verdict()


def test_without_the_source_the_net_is_not_judged(place: Path) -> None:
    report = pipeline(place, Artifact.open(place / "out"), model=None)
    assert report.exit_code == 0
    assert "the net is not judged" in report.notes[0]


def test_a_transform_that_is_not_this_models(place: Path) -> None:
    artifact = Artifact.open(place / "out")
    with pytest.raises(UsageError, match="belong to no stage: RandomHorizontalFlip"):
        pipeline(place, artifact, "odd")
    with pytest.raises(UsageError, match="is not this model's"):
        pipeline(place, artifact, "wrong_size")
    with pytest.raises(UsageError, match="name the source's transform"):
        pipeline(place, artifact, None)


def test_the_command(place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, planted: Planted) -> None:
    code, photos = place / "pipeline_net.py", str(place / "photos")
    asked = ["--pipeline", "--images", photos, "--transform", f"{code}:transform", "--source", str(place / "w.pth")]
    assert run(["parity", str(place / "out"), *asked, "--model", f"{code}:net"]) == 0
    assert "3 of 3 images are the same" in capsys.readouterr().out
    wrong = planted(how(interpolation="bilinear"))
    assert run(["parity", str(wrong.path), *asked, "--heatmap", str(tmp_path / "p.png"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["passed"], told["images"][0]["first"]) == ("mdeploy-pipeline/1", False, "resize")
    assert [stage["stage"] for stage in told["images"][0]["stages"]][3] == "resize"
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    for flags, message in (
        (["--images", photos], "go with --pipeline"),
        (["--pipeline"], "--pipeline needs images"),
        (["--pipeline", "--images", photos, "--layers"], "without it"),
        ([*asked, "--backends", "mdeploy,onnxruntime"], "one backend"),
    ):
        assert run(["parity", str(place / "out"), *flags]) == 2
        assert message in capsys.readouterr().err


def test_labels_off_by_one(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = pytest.importorskip("torchvision.models")
    weights = tmp_path / "s.pth"
    torch.save(models.squeezenet1_1(weights=None).state_dict(), weights)
    names = models.SqueezeNet1_1_Weights.DEFAULT.meta["categories"]
    source = SourceOptions("torchvision.models:squeezenet1_1", input_shapes={"": (1, 3, 48, 48)})
    artifact = convert(weights, ConvertOptions(tmp_path / "out", source=source)).artifact
    options = PrepareOptions(0, weights, "torchvision.models:squeezenet1_1", None)
    images = find_images([place / "photos"])
    right = run_pipeline(ParityRequest(artifact, options=options), images)
    assert (right.exit_code, right.origin) == (0, "torchvision's SqueezeNet1_1_Weights.IMAGENET1K_V1")
    moved = replace(artifact.manifest, labels=("background", *names[:-1]))
    wrong = run_pipeline(ParityRequest(Artifact(artifact.path, moved), options=options), images)
    assert wrong.exit_code == 1
    assert "class 0 is 'tench' to the source, which is class 1 here: off by one" in wrong.verdict()


def test_torchvisions_preset_step_by_step(place: Path) -> None:
    models = pytest.importorskip("torchvision.models")
    spec = InputSpec("x", (1, 3, 224, 224), "float32", "NCHW", "rgb")
    origin, steps, labels = _of_torchvision("resnet18", "", spec)
    path = place / "photos" / "0.png"
    _, tensor = source_stages(path, SourceTransform(origin, steps))
    expected = models.ResNet18_Weights.DEFAULT.transforms()(Image.open(path).convert("RGB"))
    assert np.array_equal(tensor[0], expected.numpy())
    assert labels == tuple(models.ResNet18_Weights.DEFAULT.meta["categories"])


@pytest.mark.parametrize("kind", ["timm", "snapshot", "processor", "checkpoint"])
def test_each_source_brings_its_own_transform(
    kind: str, place: Path, tmp_path: Path, calibrated: Artifact, request: pytest.FixtureRequest
) -> None:
    images = find_images([place / "photos"])
    options = PrepareOptions()
    if kind == "checkpoint":
        artifact, options = calibrated, PrepareOptions(0, calibrated.path.parent / "net.pt")
        manifest = artifact.manifest
        flags = PreprocessingFlags(orientation="exif")  # what checkpoints say, in Pillow's own arithmetic
        artifact = Artifact(artifact.path, replace(manifest, inputs=(preprocessed(manifest.inputs[0], flags),)))
    else:
        artifact, options = _snapshot(kind, tmp_path)
    report = run_pipeline(ParityRequest(artifact, options=options), images)
    assert report.verdict() == "3 of 3 images are the same from the file to the scores"
    assert report.notes == ()


def _snapshot(kind: str, folder: Path) -> tuple[Artifact, PrepareOptions]:
    timm = pytest.importorskip("timm")
    weights = folder / "hub" / "model.safetensors"
    weights.parent.mkdir()
    if kind == "processor":
        library = pytest.importorskip("transformers")
        config = library.ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic")
        library.ResNetForImageClassification(config).save_pretrained(weights.parent)
        library.ConvNextImageProcessor(size={"shortest_edge": 57}).save_pretrained(weights.parent)
        source, path = SourceOptions(), weights.parent
        options = PrepareOptions(0, path, "transformers:ResNetForImageClassification")
    else:
        from safetensors.torch import save_file

        save_file(timm.create_model("test_resnet", num_classes=3).state_dict(), weights)
        if kind == "snapshot":
            config = {"architecture": "test_resnet", "num_classes": 3, "pretrained_cfg": {
                "input_size": [3, 64, 64], "crop_pct": 0.8, "crop_mode": "border", "mean": [0.1, 0.5, 0.9],
                "std": [0.2, 0.3, 0.4]}}  # fmt: skip
            (weights.parent / "config.json").write_text(json.dumps(config))
        path = weights.parent if kind == "snapshot" else weights
        options = PrepareOptions(0, path, "timm:test_resnet", {"num_classes": 3})
        source = SourceOptions("timm:test_resnet", {"num_classes": 3})
    return convert(path, ConvertOptions(folder / "out", source=source)).artifact, options
