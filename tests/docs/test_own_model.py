# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Runs every command of docs/own-model.md, on small nets under the page's names."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mdeploy.cli.main import run
from mdeploy.formats.artifact import Artifact

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "own-model.md").read_text(encoding="utf-8")
# What the page names, and what stands in for it: whole nets of the libraries', as quick as they come.
SMALL = {
    "torchvision.models:resnet18": "torchvision.models:squeezenet1_1",
    "timm:mobilenetv3_large_100": "timm:test_resnet",
}
CLASSES = ("cat", "dog", "eel")


def block(mark: str, language: str) -> str:
    (found,) = re.findall(rf"<!-- {mark} -->\n```{language}\n(.*?)```", PAGE, re.S)
    return str(found)


def commands(section: str) -> list[list[str]]:
    text = block(f"run: {section}", "console")
    for named, small in SMALL.items():
        text = text.replace(named, small)
    return [shlex.split(line.removeprefix("$ mdeploy ")) for line in text.splitlines()]


def torchvision_weights(folder: Path) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.save(models.squeezenet1_1(weights=None).state_dict(), folder / "resnet18.pth")


def timm_weights(folder: Path) -> None:
    timm = pytest.importorskip("timm")
    torch.save(timm.create_model("test_resnet").state_dict(), folder / "mobilenetv3.pth")


def snapshot(folder: Path) -> None:
    library = pytest.importorskip("transformers")
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = library.ViTConfig(**sizes, image_size=32, patch_size=8, id2label=dict(enumerate(CLASSES)))
    library.ViTForImageClassification(config).save_pretrained(folder / "vit")
    library.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder / "vit")


def own_net(folder: Path) -> nn.Module:
    code: dict[str, type[nn.Module]] = {}
    exec(block("file: net.py", "python"), code)
    torch.manual_seed(0)
    (folder / "net.py").write_text(block("file: net.py", "python"))
    (folder / "classes.txt").write_text("\n".join(CLASSES))
    return code["Net"](classes=3).eval()


def own_class(folder: Path) -> None:
    weights = {f"model.{name}": value for name, value in own_net(folder).state_dict().items()}
    torch.save({"state_dict": weights, "epoch": 3, "pytorch-lightning_version": "2.0"}, folder / "last.ckpt")


def onnx_file(folder: Path) -> None:
    torch.onnx.export(own_net(folder), (torch.zeros(1, 3, 96, 96),), str(folder / "model.onnx"), dynamo=False)


def script(folder: Path) -> None:
    torch.jit.trace(own_net(folder), torch.zeros(1, 3, 96, 96)).save(str(folder / "scripted.pt"))


def old_pair(folder: Path) -> None:
    shutil.copytree(ROOT / "tests" / "golden" / "old_nets" / "squeezenet", folder / "squeezenet")


SECTIONS: dict[str, Callable[[Path], None]] = {
    "torchvision": torchvision_weights,
    "timm": timm_weights,
    "huggingface": snapshot,
    "class": own_class,
    "onnx": onnx_file,
    "torchscript": script,
    "caffe2": old_pair,
}


def test_every_section_is_run() -> None:
    assert re.findall(r"<!-- run: (\w+) -->", PAGE) == list(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    Image.fromarray(generator.integers(0, 256, (300, 400, 3), dtype=np.uint8)).save("photo.jpg")
    SECTIONS[section](tmp_path)
    convert, *rest = commands(section)
    assert [line[0] for line in rest] == ["predict", "parity", "package"]
    for line in (convert, *rest):
        capsys.readouterr()
        assert run(line) == 0, capsys.readouterr()
    artifact = Artifact.open(convert[-1])
    spec = artifact.manifest.inputs[0]
    assert spec.preprocessing is not None
    assert spec.preprocessing.resizes
    assert (tmp_path / f"{artifact.manifest.name}-android.zip").is_file()
    labels = artifact.manifest.labels
    if section == "caffe2":
        assert labels is None
    else:
        assert labels is not None
        assert len(labels) == artifact.manifest.outputs[0].shape[-1]


def test_the_page_is_linked_where_one_starts() -> None:
    head = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30])
    assert "docs/own-model.md" in head


def test_what_is_made_smaller_stands_on_the_page() -> None:
    assert all(name in PAGE for name in SMALL)
