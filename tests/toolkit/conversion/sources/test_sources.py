# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every kind of model file, told apart by what is in it, and every way in which one can be bad."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from torch import nn

from mdeploy.conversion.sources import SourceOptions, open_source
from mdeploy.errors import InputError, MdeployError, UsageError
from mdeploy.onnx.session import PlainSession

FACTORY = """
import torch
from neighbour import WIDTH

def make(width=WIDTH, fail=False):
    if fail:
        raise RuntimeError("as asked\\nsecond line")
    return torch.nn.Sequential(torch.nn.Conv2d(3, width, 3), torch.nn.ReLU())

class Versioned(torch.nn.Linear):
    _version = 2
    def _load_from_state_dict(self, state, prefix, local_metadata, *rest):
        if local_metadata.get("version") != 2:
            raise ValueError("which version?")
        super()._load_from_state_dict(state, prefix, local_metadata, *rest)

def versioned():
    return torch.nn.Sequential(Versioned(3, 2))

MODEL = make()
NUMBER = 3
"""
SHAPE = {"": (1, 3, 8, 8)}


def net(width: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU()).eval()


@pytest.fixture
def factory(tmp_path: Path) -> str:
    (tmp_path / "net_file.py").write_text(FACTORY)
    (tmp_path / "neighbour.py").write_text("WIDTH = 4\n")
    return f"{tmp_path / 'net_file.py'}:make"


def save(kind: str, path: Path) -> Path:
    module, x = net(), torch.zeros(1, 3, 8, 8)
    if kind == "state_dict":
        torch.save(module.state_dict(), path)
    elif kind == "legacy":
        torch.save(module.state_dict(), path, _use_new_zipfile_serialization=False)
    elif kind == "wrapped":
        torch.save({"state_dict": {f"module.{k}": v for k, v in module.state_dict().items()}, "epoch": 3}, path)
    elif kind == "torchscript":
        torch.jit.trace(module, x).save(str(path))
    elif kind == "exported_program":
        torch.export.save(torch.export.export(module, (x,)), path)
    elif kind == "onnx":
        torch.onnx.export(module, (x,), str(path), dynamo=False)
    return path


@pytest.mark.parametrize("kind", ["state_dict", "legacy", "wrapped"])
def test_state_dicts(tmp_path: Path, factory: str, kind: str) -> None:
    path = save(kind, tmp_path / "anything.bin")
    loaded = open_source(path, SourceOptions(factory, {}, SHAPE))
    assert loaded.source.kind == "state_dict"
    assert loaded.source.model == factory
    assert isinstance(loaded.module, nn.Module)
    x = torch.randn(1, 3, 8, 8)
    assert torch.equal(loaded.module(x), net()(x))
    assert not loaded.module.training


@pytest.mark.parametrize("kind", ["torchscript", "exported_program", "onnx"])
def test_programs_and_graphs_whatever_their_name(tmp_path: Path, kind: str) -> None:
    path = save(kind, tmp_path / ("x.pt2" if kind == "exported_program" else "model.dat"))
    loaded = open_source(path, SourceOptions(input_shapes=SHAPE))
    assert loaded.source.kind == kind
    assert len(loaded.source.sha256) == 64
    assert (loaded.graph is None) == (kind != "onnx")


def test_a_image_is_recognised(tmp_path: Path) -> None:
    path = save("torchscript", tmp_path / "m.pt")
    spec = open_source(path, SourceOptions(input_shapes={"image": (1, 3, 8, 8)})).inputs[0]
    assert (spec.name, spec.layout, spec.color_order) == ("image", "NCHW", "rgb")
    spec = open_source(path, SourceOptions(input_shapes={"": (1, 7)})).inputs[0]
    assert (spec.name, spec.layout, spec.color_order) == ("input", None, None)


def test_what_the_user_must_say(tmp_path: Path, factory: str) -> None:
    weights, script = save("state_dict", tmp_path / "w.pt"), save("torchscript", tmp_path / "s.pt")
    with pytest.raises(UsageError, match="--model FILE_OR_MODULE:FACTORY"):
        open_source(weights, SourceOptions(input_shapes=SHAPE))
    with pytest.raises(UsageError, match="--input-shape"):
        open_source(weights, SourceOptions(factory))
    with pytest.raises(UsageError, match="--input-shape"):
        open_source(script, SourceOptions())
    with pytest.raises(UsageError, match="needs no --model"):
        open_source(script, SourceOptions(factory, input_shapes=SHAPE))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("net_file.py:nothing", "has no nothing"),
        ("net_file.py:NUMBER", "cannot be called"),
        ("net_file.py:MODEL", "is a model already"),
        ("missing.py:make", "no such file"),
        ("no.such.module:make", "cannot import"),
        ("net_file.py", "FILE_OR_MODULE:FACTORY is wanted"),
        ("math:floor", "the factory failed"),
        ("collections:OrderedDict", "gave OrderedDict"),
    ],
)
def test_bad_factories(tmp_path: Path, factory: str, place: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MdeployError, match=message) as caught:
        open_source(save("state_dict", tmp_path / "w.pt"), SourceOptions(place, {}, SHAPE))
    assert "\n" not in str(caught.value)


def test_factory_arguments(tmp_path: Path, factory: str) -> None:
    torch.save(net(6).state_dict(), tmp_path / "w.pt")
    loaded = open_source(tmp_path / "w.pt", SourceOptions(factory, {"width": 6}, SHAPE))
    assert loaded.source.arguments == {"width": 6}
    with pytest.raises(InputError, match="does not fit the module"):
        open_source(tmp_path / "w.pt", SourceOptions(factory, {"width": 5}, SHAPE))
    with pytest.raises(InputError, match=r"the factory failed: RuntimeError: as asked$"):
        open_source(tmp_path / "w.pt", SourceOptions(factory, {"fail": True}, SHAPE))


@pytest.mark.parametrize("kind", ["state_dict", "torchscript", "exported_program"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_other_precisions_become_float32_and_are_said(
    tmp_path: Path, factory: str, kind: str, dtype: torch.dtype
) -> None:
    module, x, path = net().to(dtype), torch.randn(1, 3, 8, 8), tmp_path / "model.pt2"
    if kind == "state_dict":
        torch.save(module.state_dict(), path)
    elif kind == "torchscript":
        torch.jit.trace(module, x.to(dtype)).save(str(path))
    else:
        torch.export.save(torch.export.export(module, (x.to(dtype),)), path)
    model = factory if kind == "state_dict" else None
    loaded = open_source(path, SourceOptions(model, {}, SHAPE))
    assert loaded.messages == (f"model.pt2: {str(dtype).removeprefix('torch.')} weights were cast to float32",)
    assert loaded.inputs[0].dtype == "float32"
    assert isinstance(loaded.module, nn.Module)
    assert torch.equal(loaded.module(x), net().to(dtype).float()(x))


def test_bfloat16_in_onnx_is_read_as_float32(tmp_path: Path) -> None:
    save("onnx", tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    for tensor in model.graph.initializer:
        half = onnx.numpy_helper.to_array(tensor).astype(helper.tensor_dtype_to_np_dtype(onnx.TensorProto.BFLOAT16))
        tensor.CopyFrom(onnx.numpy_helper.from_array(half, tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.BFLOAT16
    del model.graph.value_info[:]
    onnx.save(model, tmp_path / "b.onnx")
    loaded = open_source(tmp_path / "b.onnx", SourceOptions())
    assert loaded.messages == ("b.onnx: bfloat16 was read as float32, which holds all of its values",)
    assert loaded.graph is not None
    assert PlainSession(loaded.graph).run([np.ones((1, 3, 8, 8), np.float32)])[0].dtype == np.float32


@pytest.mark.parametrize("prefix", ["", "module."])
def test_versions_of_modules_reach_them(tmp_path: Path, factory: str, prefix: str) -> None:
    weights = nn.Sequential(nn.Linear(3, 2)).state_dict()
    wrapped = type(weights)((prefix + key, value) for key, value in weights.items())
    options = SourceOptions(factory.replace(":make", ":versioned"), {}, {"": (1, 3)})
    for versions in ({"": {}, f"{prefix}0": {"version": 2}}, {}):
        wrapped._metadata = versions
        torch.save(wrapped, tmp_path / "w.pt")
        if versions:
            assert open_source(tmp_path / "w.pt", options).module is not None
        else:
            with pytest.raises(InputError, match=r"does not fit the module .*: which version\?"):
                open_source(tmp_path / "w.pt", options)


class Runs:
    """Makes a directory if it is ever unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("code_ran",)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_no_pickle_runs_code(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pt"
    if form == "pickle":
        path.write_bytes(pickle.dumps(Runs()))
    else:
        torch.save({"state_dict": Runs()}, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(InputError) as caught:
        open_source(path, SourceOptions(input_shapes=SHAPE))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "code_ran").exists()


@pytest.mark.parametrize("kind", ["state_dict", "legacy", "torchscript", "exported_program", "onnx"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_truncated_files(tmp_path: Path, factory: str, kind: str, part: float) -> None:
    path = save(kind, tmp_path / "whole.pt2")
    cut = tmp_path / "cut.pt2"
    cut.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    model = factory if kind in ("state_dict", "legacy") else None
    with pytest.raises(InputError) as caught:
        open_source(cut, SourceOptions(model, {}, SHAPE))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("head", [b"", b"PK\x03\x04", b"\x80\x02", b"\x08\x08", b"\x89PNG"])
@pytest.mark.parametrize("seed", range(3))
def test_random_bytes(tmp_path: Path, head: bytes, seed: int) -> None:
    path = tmp_path / "noise.onnx"
    path.write_bytes(head + np.random.default_rng(seed).bytes(5000))
    with pytest.raises(InputError) as caught:
        open_source(path, SourceOptions(input_shapes=SHAPE))
    assert "\n" not in str(caught.value)


def test_no_file_a_directory_and_a_strange_archive(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_source(tmp_path / "nothing", SourceOptions())
    with pytest.raises(InputError, match="is a directory"):
        open_source(tmp_path, SourceOptions())
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError):
        open_source(tmp_path / "a.zip", SourceOptions())


def external(tmp_path: Path, location: str) -> Path:
    model = onnx.load(save("onnx", tmp_path / "plain.onnx"))
    onnx.save(model, tmp_path / "ext.onnx", save_as_external_data=True, location="ext.bin", size_threshold=0)
    model = onnx.load(tmp_path / "ext.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    onnx.save(model, tmp_path / "ext.onnx")
    return tmp_path / "ext.onnx"


def test_external_data_stays_in_its_folder(tmp_path: Path) -> None:
    assert open_source(external(tmp_path, "ext.bin"), SourceOptions()).graph is not None
    (tmp_path / "inner").mkdir()
    (tmp_path / "ext.bin").rename(tmp_path.parent / "outside.bin")
    for location in ("../outside.bin", str(tmp_path.parent / "outside.bin"), "missing.bin"):
        with pytest.raises(InputError):
            open_source(external(tmp_path, location), SourceOptions())


def test_onnx_that_is_not_valid(tmp_path: Path) -> None:
    model = onnx.load(save("onnx", tmp_path / "m.onnx"))
    model.graph.node[0].input[0] = "ghost"
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(InputError, match="not a valid ONNX model"):
        open_source(tmp_path / "m.onnx", SourceOptions())
