# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A model file becomes an artifact that every backend agrees on, or an error and no artifact."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from torch import nn

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.caffe2.files import read_net
from mdeploy.caffe2.translate import UnsupportedModelError
from mdeploy.conversion import model as conversion
from mdeploy.conversion.golden import standard_inputs
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.conversion.preprocessing import PreprocessingFlags
from mdeploy.conversion.sources import SourceOptions
from mdeploy.errors import CheckFailed, InputError, MdeployError, UnsupportedError, UsageError
from mdeploy.formats import checkpoint
from mdeploy.formats.artifact import Artifact, manifest_schema
from mdeploy.formats.manifest import InputSpec
from mdeploy.onnx.passes import PIPELINE


class Attention(nn.Module):
    """Split attention in small: what makes ResNeSt hard to convert."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.conv = nn.Conv2d(8, 16, 3, padding=1, groups=2)
        self.gate = nn.Conv2d(8, 16, 1)
        self.pool = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        splits = torch.relu(self.conv(self.stem(x))).view(x.shape[0], 2, 8, *x.shape[2:])
        gate = self.gate(splits.sum(1).mean((2, 3), keepdim=True)).view(x.shape[0], 2, 8, 1, 1)
        mixed = self.pool((splits * gate.softmax(dim=1)).sum(1))
        return nn.functional.log_softmax(self.head(mixed.mean((2, 3))), dim=1)


def make_module() -> nn.Module:
    torch.manual_seed(3)
    module = Attention()
    for buffer in module.stem[1].buffers():
        if buffer.dtype.is_floating_point:
            buffer.uniform_(0.5, 1.5)
    return module.eval()


SHAPE = (1, 3, 9, 9)
SPEC = InputSpec("image", SHAPE, "float32", "NCHW", "rgb", (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


@pytest.fixture
def weights(tmp_path: Path) -> tuple[Path, SourceOptions]:
    """A state_dict and what has to be said with it."""
    torch.save(make_module().state_dict(), tmp_path / "weights.pt")
    return tmp_path / "weights.pt", SourceOptions(f"{__file__}:make_module", {}, {"image": SHAPE})


Convert = Callable[..., Artifact]


@pytest.fixture
def converted(weights: tuple[Path, SourceOptions], tmp_path: Path) -> Convert:
    def run(**options: Any) -> Artifact:
        path, source = weights
        options.setdefault("exporter", "torchscript")  # the quicker one
        flags = {name: options.pop(name) for name in ("mean", "std", "color_order") if name in options}
        options["preprocessing"] = PreprocessingFlags(**flags)
        return convert(path, ConvertOptions(output=tmp_path / "out", source=source, **options)).artifact

    return run


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_every_runtime_agrees(converted: Convert, exporter: str) -> None:
    artifact = Artifact.open(converted(exporter=exporter).path)
    assert artifact.manifest.source.exporter == exporter
    ran = []
    for name in ("onnxruntime", "mdeploy", "caffe2"):
        backend = get_backend(name)
        if not backend.availability().available:
            continue
        session = backend.prepare(artifact, PrepareOptions(threads=1))
        for case in artifact.golden_cases():
            answer = session.run(case.inputs)[0]
            np.testing.assert_allclose(answer, case.outputs[0], rtol=1e-5, atol=1e-5)
        session.close()
        ran.append(name)
    assert "onnxruntime" in ran


def test_golden_outputs_are_pytorchs_own(converted: Convert) -> None:
    for case in converted().golden_cases():
        with torch.no_grad():
            expected = make_module()(torch.from_numpy(case.inputs[0].copy())).numpy()
        np.testing.assert_array_equal(case.outputs[0], expected)


def test_the_manifest(converted: Convert, tmp_path: Path) -> None:
    artifact = converted(mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3), color_order="bgr", name="tiny")
    data = json.loads((tmp_path / "out/manifest.json").read_text())
    jsonschema.validate(data, manifest_schema())
    manifest = artifact.manifest
    assert manifest.name == "tiny"
    assert manifest.source.sha256 == hashlib.sha256((tmp_path / "weights.pt").read_bytes()).hexdigest()
    assert manifest.source.file == "weights.pt"
    assert manifest.inputs[0] == replace(SPEC, color_order="bgr")
    assert (manifest.outputs[0].name, manifest.outputs[0].meaning) == ("output", "log_probabilities")
    assert [record.name for record in manifest.passes] == [item.name for item in PIPELINE]
    # Batch norm is folded by the exporter. Conv and its bias, twice with groups, the gate, the head.
    macs = 81 * 8 * 27 + 81 * 16 * 4 * 9 + 16 * 8 + 8 * 5
    assert manifest.macs == macs
    assert manifest.parameters >= 8 * 27 + 8 + 16 * 36 + 16 + 16 * 8 + 16 + 40 + 5
    predict = read_net(artifact.predict_net)
    assert sum(manifest.operators.values()) == len(predict.op)
    assert str(tmp_path) not in (tmp_path / "out/manifest.json").read_text().replace(__file__, "")


def test_equal_inputs_give_equal_bytes(converted: Convert) -> None:
    first = {name: entry.sha256 for name, entry in converted().manifest.files.items()}
    assert first == {name: entry.sha256 for name, entry in converted().manifest.files.items()}
    assert b"/tests/" not in converted().model_onnx.read_bytes()  # type: ignore[union-attr]


def test_unpacked_weights_say_the_same_in_more_bytes(converted: Convert) -> None:
    packed = converted()
    size, net = packed.init_net.stat().st_size, read_net(packed.init_net)
    unpacked = converted(packed=False)
    assert unpacked.init_net.stat().st_size > size + unpacked.manifest.parameters * 0.9
    assert read_net(unpacked.init_net) == net


def test_a_skipped_pass_is_recorded(converted: Convert) -> None:
    records = {record.name: record for record in converted(skip_passes=("global-pool",)).manifest.passes}
    assert not records["global-pool"].applied
    assert records["decompose-log-softmax"].applied


def test_skipping_a_needed_pass_is_refused(converted: Convert, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="LogSoftmax"):
        converted(skip_passes=("decompose-log-softmax",))
    assert not (tmp_path / "out").exists()


def test_images_become_cases(converted: Convert, tmp_path: Path) -> None:
    from PIL import Image

    if not get_backend("mdeploy").availability().available:
        pytest.skip("the native runtime, which prepares images, is not built")
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    for name in ("a cat.png", "random.png"):
        Image.fromarray(pixels).save(folder / name)
    cases = converted(mean=SPEC.mean, std=SPEC.std, golden_images=folder).golden_cases()
    assert [case.case for case in cases if not case.added] == ["zeros", "ones", "random", "a_cat", "random_"]
    expected = (pixels / 255.0 - np.array(SPEC.mean)) / np.array(SPEC.std)
    np.testing.assert_allclose(cases[3].inputs[0][0], expected.transpose(2, 0, 1), atol=1e-5)


def test_random_cases_are_pixels_of_the_model() -> None:
    zeros, ones, random = standard_inputs([SPEC])
    assert (zeros.inputs[0] == 0).all()
    assert (ones.inputs[0] == 1).all()
    pixels = (random.inputs[0][0].transpose(1, 2, 0) * SPEC.std + SPEC.mean) * 255
    np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-3)
    assert pixels.min() >= -1e-3
    assert 200 < pixels.max() <= 255.001
    np.testing.assert_array_equal(random.inputs[0], standard_inputs([SPEC])[2].inputs[0])


def test_an_exporter_that_gets_it_wrong_is_found(converted: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    real = conversion.export

    def wrong(module: nn.Module, *more: Any) -> Any:
        spoilt = make_module()
        spoilt.head.bias.data[0] += 0.01
        return real(spoilt, *more)

    monkeypatch.setattr(conversion, "export", wrong)
    with pytest.raises(CheckFailed, match=r"does not compute what PyTorch does.*--exporter"):
        converted()


def test_the_dynamo_exporter_falls_back_with_a_message(weights: tuple[Path, SourceOptions], tmp_path: Path) -> None:
    from mdeploy.onnx import export

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_dynamo", lambda *_: (_ for _ in ()).throw(RuntimeError("no such luck")))
        result = convert(weights[0], ConvertOptions(output=tmp_path / "out", source=weights[1]))
        assert result.artifact.manifest.source.exporter == "torchscript"
        assert any("no such luck" in message for message in result.messages)
        with pytest.raises(UnsupportedError, match="no such luck"):
            convert(weights[0], ConvertOptions(output=tmp_path / "o", source=weights[1], exporter="dynamo"))


def test_all_unsupported_nodes_are_named_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    names = ("CumSum", "Round", "Relu", "CumSum")
    nodes = [
        helper.make_node(kind, [f"x{i}", *(["axis"] if kind == "CumSum" else [])], [f"x{i + 1}"], name=f"node_{i}")
        for i, kind in enumerate(names)
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [info("x0", TensorProto.FLOAT, [1, 4])], [info("x4", TensorProto.FLOAT, [1, 4])],
        initializer=[helper.make_tensor("axis", TensorProto.INT64, [], [1])],
    )  # fmt: skip
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(UnsupportedModelError) as caught:
        convert(path, ConvertOptions(output=tmp_path / "out"))
    assert [(finding.node, finding.op_type) for finding in caught.value.findings] == [
        ("node_0", "CumSum"), ("node_1", "Round"), ("node_3", "CumSum"),
    ]  # fmt: skip
    assert all(finding.reason and finding.remedy for finding in caught.value.findings)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["m.onnx"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"labels": Path("/nowhere/labels.txt")}, InputError),
        ({"golden_images": Path("/nowhere")}, InputError),
        ({"mean": (0.5,), "std": (0.5,)}, UsageError),
        ({"skip_passes": ("nonsense",)}, UsageError),
    ],
)
def test_bad_options(converted: Convert, options: dict[str, Any], error: type[MdeployError], tmp_path: Path) -> None:
    with pytest.raises(error) as caught:
        converted(**options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_says_everything_itself(bundled_checkpoint: Path, tmp_path: Path) -> None:
    if not bundled_checkpoint.is_file():
        pytest.skip(f"no checkpoint at {bundled_checkpoint}")
    artifact = convert(bundled_checkpoint, ConvertOptions(output=tmp_path / "out")).artifact
    loaded = checkpoint.load(bundled_checkpoint)
    manifest = artifact.manifest
    assert manifest.source.model == loaded.model
    assert manifest.labels == loaded.labels
    assert manifest.outputs[0].meaning == loaded.meaning
    assert manifest.inputs[0].mean == loaded.input.mean
