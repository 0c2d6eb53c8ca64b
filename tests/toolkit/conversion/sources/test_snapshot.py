# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Directories as the Hugging Face hub gives them, and weights whose library says how images go in."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mdeploy.backends.torch import find_source
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.conversion.preprocessing import PreprocessingFlags
from mdeploy.conversion.sources import SourceOptions, open_source
from mdeploy.conversion.sources.sniff import check_source
from mdeploy.errors import InputError, UnavailableError, UsageError

NAMES = ["cat", "dog", "eel"]


@pytest.fixture
def timm_directory(tmp_path: Path) -> Path:
    """resnet10t with three classes, as timm's save_for_hf writes it, without a card."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model("resnet10t", num_classes=3)
    folder = tmp_path / "pets"
    folder.mkdir()
    save_file(model.state_dict(), folder / "model.safetensors")
    config = {
        "architecture": "resnet10t",
        "num_classes": 3,
        "label_names": NAMES,
        "model_args": {"drop_rate": 0.1},
        "pretrained_cfg": {
            "input_size": [3, 40, 40],
            "interpolation": "bicubic",
            "crop_pct": 0.8,
            "crop_mode": "squash",
            "mean": [0.1, 0.2, 0.3],
            "std": [0.4, 0.5, 0.6],
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def transformers_directory(tmp_path: Path) -> Path:
    """A ViT of two layers, as transformers' save_pretrained writes it."""
    library = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = library.ViTConfig(**sizes, image_size=32, patch_size=8, id2label=dict(enumerate(NAMES)))
    folder = tmp_path / "vit"
    library.ViTForImageClassification(config).save_pretrained(folder)
    library.ViTImageProcessor(size={"height": 32, "width": 32}, resample=3).save_pretrained(folder)
    return folder


def change(folder: Path, **fields: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_timms_directory_says_everything(timm_directory: Path) -> None:
    timm = pytest.importorskip("timm")
    loaded = open_source(timm_directory, SourceOptions())
    assert (loaded.source.kind, loaded.source.file) == ("state_dict", "model.safetensors")
    assert loaded.source.model == "timm:resnet10t"
    assert loaded.source.arguments == {"num_classes": 3, "drop_rate": 0.1}
    assert loaded.labels == tuple(NAMES)
    (spec,) = loaded.inputs
    how = spec.preprocessing
    assert how is not None
    assert (spec.shape, spec.mean, spec.std) == ((1, 3, 40, 40), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert (how.size, how.crop, how.interpolation) == ((50, 50), (40, 40), "bicubic")
    text = " ".join(loaded.messages)
    assert "names the model: timm:resnet10t was made" in text
    assert "the preprocessing is that of the config.json" in text
    assert "the labels are those of config.json" in text
    torch.manual_seed(0)
    own = timm.create_model("resnet10t", num_classes=3).eval()
    x = torch.randn(1, 3, 40, 40)
    assert isinstance(loaded.module, nn.Module)
    assert torch.equal(loaded.module(x), own(x))


def test_older_directories_of_timm_are_flat(timm_directory: Path) -> None:
    path = timm_directory / "config.json"
    config = json.loads(path.read_text())
    inner = config.pop("pretrained_cfg")
    names = config.pop("label_names")
    path.write_text(json.dumps({**config, **inner, "labels": names}))
    loaded = open_source(timm_directory, SourceOptions())
    assert loaded.labels == tuple(NAMES)
    assert loaded.inputs[0].mean == (0.1, 0.2, 0.3)


def test_naming_the_model_again_is_the_same(timm_directory: Path) -> None:
    by_directory = open_source(timm_directory, SourceOptions())
    named = open_source(timm_directory, SourceOptions("timm:resnet10t"))
    assert named.inputs == by_directory.inputs
    assert named.source == by_directory.source
    by_file = open_source(timm_directory / "model.safetensors", SourceOptions("timm:resnet10t", {"num_classes": 3}))
    assert by_file.inputs[0].shape == (1, 3, 176, 176)  # timm's registry knows nothing of the directory
    assert by_file.labels is None


def test_transformers_directory(transformers_directory: Path) -> None:
    library = pytest.importorskip("transformers")
    loaded = open_source(transformers_directory, SourceOptions())
    assert loaded.source.model == "transformers:ViTForImageClassification"
    assert loaded.labels == tuple(NAMES)
    (spec,) = loaded.inputs
    assert (spec.shape, spec.mean) == ((1, 3, 32, 32), (0.5, 0.5, 0.5))
    assert spec.preprocessing is not None
    assert (spec.preprocessing.size, spec.preprocessing.interpolation) == ((32, 32), "bicubic")
    own = library.ViTForImageClassification.from_pretrained(transformers_directory).eval()
    x = torch.randn(1, 3, 32, 32)
    assert isinstance(loaded.module, nn.Module)
    assert torch.allclose(loaded.module(x), own(x).logits, atol=1e-6)


def test_labels_that_nobody_gave_are_none(transformers_directory: Path) -> None:
    change(transformers_directory, id2label={str(i): f"LABEL_{i}" for i in range(3)})
    assert open_source(transformers_directory, SourceOptions()).labels is None


def test_code_of_the_directory_is_not_run(transformers_directory: Path) -> None:
    change(transformers_directory, auto_map={"AutoModelForImageClassification": "evil.Net"})
    (transformers_directory / "evil.py").write_text("raise SystemExit('ran')\n")
    with pytest.raises(InputError, match="auto_map names code of its own, which is not run"):
        open_source(transformers_directory, SourceOptions())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architectures": ["ViTModel"]}, "ViTModel is not one of transformers' image classifiers"),
        ({"architectures": None}, "names neither a model of timm"),
        ({"image_size": "big"}, "transformers cannot make ViTForImageClassification"),
        ({"id2label": {"0": "a", "1": "b"}}, r"of another shape \(classifier"),
        ({"num_hidden_layers": 3}, "missing"),
    ],
)
def test_directories_that_do_not_hold_together(
    transformers_directory: Path, fields: dict[str, Any], message: str
) -> None:
    change(transformers_directory, **fields)
    with pytest.raises(InputError, match=message) as caught:
        open_source(transformers_directory, SourceOptions())
    assert "\n" not in str(caught.value)


def test_a_damaged_configuration(timm_directory: Path) -> None:
    for text, message in (("{", "not valid JSON"), ("[1]", "a JSON object is expected")):
        (timm_directory / "config.json").write_text(text)
        with pytest.raises(InputError, match=message):
            open_source(timm_directory, SourceOptions())
    config = {"architecture": "resnet10t", "num_classes": 3, "pretrained_cfg": {"crop_pct": "much"}}
    (timm_directory / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"the config\.json of .* is damaged"):
        open_source(timm_directory, SourceOptions())


def test_directories_without_one_file_of_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"no weights in it; model\.safetensors"):
        open_source(tmp_path, SourceOptions())
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(InputError, match="lie in several files"):
        open_source(tmp_path, SourceOptions())
    for name in ("a.pth", "b.pth"):
        torch.save({"w": torch.ones(2)}, tmp_path / name)
    with pytest.raises(InputError, match=r"several files of weights \(a\.pth, b\.pth\)"):
        open_source(tmp_path, SourceOptions())
    (tmp_path / "b.pth").unlink()
    (tmp_path / "config.json").unlink()
    with pytest.raises(UsageError, match="say what makes it: --model"):
        open_source(tmp_path, SourceOptions())


def test_without_transformers_the_line_that_installs_it(
    transformers_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UnavailableError, match=r"pip install 'mdeploy\[transformers\]'"):
        open_source(transformers_directory, SourceOptions())


def test_flags_go_before_what_is_brought(timm_directory: Path, tmp_path: Path) -> None:
    flags = PreprocessingFlags(mean=(0.5, 0.5, 0.5), interpolation="lanczos")
    made = convert(timm_directory, ConvertOptions(tmp_path / "a", preprocessing=flags)).artifact
    (spec,) = made.manifest.inputs
    assert (spec.mean, spec.std) == ((0.5, 0.5, 0.5), (0.4, 0.5, 0.6))
    assert spec.preprocessing is not None
    assert (spec.preprocessing.interpolation, spec.preprocessing.size) == ("lanczos", (50, 50))
    assert made.manifest.labels == tuple(NAMES)
    assert find_source(made, timm_directory) == timm_directory / "model.safetensors"


def test_a_named_library_needs_no_shape(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    weights = tmp_path / "w.pth"
    torch.save({"a": torch.ones(1)}, weights)
    check_source(weights, SourceOptions("torchvision.models:resnet18"))
    with pytest.raises(UsageError, match="--input-shape"):
        check_source(weights, SourceOptions("net.py:make"))
    torch.save(nn.Linear(2, 2).state_dict(), weights)
    sizes = {"in_features": 2, "out_features": 2}
    with pytest.raises(UsageError, match=r"no weights of .*say it: --input-shape"):
        open_source(weights, SourceOptions("torchvision.models.resnet:nn.Linear", sizes))
