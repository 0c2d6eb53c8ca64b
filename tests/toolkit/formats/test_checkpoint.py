# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The checkpoint format: round trips, and every way in which a file can be wrong."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import io
import json
import os
import pickle
import random
import resource
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mdeploy.errors import InputError, UnavailableError
from mdeploy.formats import checkpoint
from mdeploy.formats.checkpoint import Checkpoint
from mdeploy.formats.manifest import InputSpec, Resize


class Tiny(nn.Module):
    """A model of our own, so that these tests need no training package."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        if classes > 100:
            raise ValueError("too many classes")
        self.norm = nn.BatchNorm2d(3)
        self.fc = nn.Linear(3, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.norm(x).mean((2, 3))).log_softmax(1)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [metadata.EntryPoint("tiny", f"{__name__}:Tiny", checkpoint.MODELS_GROUP)]
    entries.append(metadata.EntryPoint("broken", "no_such_module_here:Thing", checkpoint.MODELS_GROUP))
    entries.append(metadata.EntryPoint("not_a_module", "builtins:dict", checkpoint.MODELS_GROUP))
    monkeypatch.setattr(
        metadata, "entry_points", lambda group: metadata.EntryPoints(e for e in entries if e.group == group)
    )


def tiny_checkpoint(**changes: Any) -> Checkpoint:
    torch.manual_seed(1)
    spec = InputSpec(
        name="input",
        shape=(1, 3, 8, 6),
        layout="NCHW",
        color_order="rgb",
        mean=(0.1, 0.2, 0.3),
        std=(0.4, 0.5, 0.6),
        resize=Resize("bilinear", size=(8, 6)),
    )
    made = Checkpoint(
        model="tiny",
        arguments={"classes": 4},
        state_dict=Tiny(4).state_dict(),
        input=spec,
        labels=("a", "b", "c", "d"),
        metrics={"test_accuracy": 0.75, "epochs": 2},
    )
    return dataclasses.replace(made, **changes)


def raw(**changes: Any) -> dict[str, Any]:
    """The dict of a good file, with keys changed; None removes one."""
    data: dict[str, Any] = {
        "format": "mdeploy-checkpoint",
        "version": 1,
        "model": "tiny",
        "arguments": json.dumps({"classes": 4}),
        "state_dict": dict(Tiny(4).state_dict()),
        "input": {
            "shape": [1, 3, 8, 6],
            "layout": "NCHW",
            "color_order": "rgb",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "resize": None,
            "crop": None,
        },
        "output": {"meaning": "log_probabilities"},
        "labels": ["a", "b", "c", "d"],
        "metrics": {"test_accuracy": 0.5, "epochs": 1},
    }
    data.update(changes)
    return data


def test_round_trip(tmp_path: Path, registered: None) -> None:
    made = tiny_checkpoint()
    checkpoint.save(made, tmp_path / "a.pt")
    read = checkpoint.load(tmp_path / "a.pt")
    assert dataclasses.replace(read, state_dict={}) == dataclasses.replace(made, state_dict={})
    assert read.state_dict.keys() == made.state_dict.keys()
    assert all(torch.equal(read.state_dict[name], made.state_dict[name]) for name in made.state_dict)
    model = checkpoint.build_model(read)
    assert not model.training
    x = torch.randn(2, 3, 8, 6)
    expected = Tiny(4)
    expected.load_state_dict(dict(made.state_dict))
    assert torch.equal(model(x), expected.eval()(x))


def test_the_documented_dict_loads(tmp_path: Path) -> None:
    torch.save(raw(), tmp_path / "a.pt")
    read = checkpoint.load(tmp_path / "a.pt")
    assert read.input.shape == (1, 3, 8, 6)
    assert read.input.mean == (0.5, 0.5, 0.5)
    assert read.labels == ("a", "b", "c", "d")


def test_equal_checkpoints_give_equal_bytes(tmp_path: Path) -> None:
    made = tiny_checkpoint()
    checkpoint.save(made, tmp_path / "one.pt")
    checkpoint.save(checkpoint.load(tmp_path / "one.pt"), tmp_path / "another name.pt")
    checkpoint.save(dataclasses.replace(made, metrics=dict(reversed(made.metrics.items()))), tmp_path / "three.pt")
    first = (tmp_path / "one.pt").read_bytes()
    assert (tmp_path / "another name.pt").read_bytes() == first
    assert (tmp_path / "three.pt").read_bytes() == first


def test_a_view_is_saved_without_its_storage(tmp_path: Path) -> None:
    huge = torch.zeros(1_000_000)
    checkpoint.save(tiny_checkpoint(state_dict={"w": huge[:4]}), tmp_path / "a.pt")
    assert (tmp_path / "a.pt").stat().st_size < 20_000


def test_a_save_that_runs_out_of_room_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    checkpoint.save(tiny_checkpoint(), path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"a\.pt: cannot write: File too large"):
            checkpoint.save(tiny_checkpoint(metrics={}), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_save_into_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        checkpoint.save(tiny_checkpoint(), tmp_path / "no" / "a.pt")


class Evil:
    """Unpickling this makes a folder."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("place", ["top", "arguments", "state_dict", "plain pickle"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path, place: str) -> None:
    evil = Evil(str(tmp_path / "ran"))
    path = tmp_path / "evil.pt"
    if place == "plain pickle":
        path.write_bytes(pickle.dumps(evil))
    else:
        data = {"top": evil, "arguments": raw(arguments=evil), "state_dict": raw(state_dict={"w": evil})}[place]
        torch.save(data, path)
    with pytest.raises(InputError, match=r"refused|not an mdeploy checkpoint"):
        checkpoint.load(path)
    assert not (tmp_path / "ran").exists()


def test_every_truncation_is_one_line(tmp_path: Path) -> None:
    checkpoint.save(tiny_checkpoint(), tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    for length in [0, 1, 3, 4, 100, *range(200, len(content), 197), len(content) - 1]:
        (tmp_path / "cut.pt").write_bytes(content[:length])
        with pytest.raises(InputError, match=r"cut\.pt") as caught:
            checkpoint.load(tmp_path / "cut.pt")
        assert "\n" not in str(caught.value)


def test_changed_bytes_are_read_or_refused(tmp_path: Path) -> None:
    checkpoint.save(tiny_checkpoint(), tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    chooser = random.Random(3)
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(chooser.choice([1, 4])):
            changed[chooser.randrange(len(changed))] = chooser.randrange(256)
        (tmp_path / "b.pt").write_bytes(changed)
        with contextlib.suppress(InputError):
            assert isinstance(checkpoint.load(tmp_path / "b.pt"), Checkpoint)


def test_random_bytes_missing_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "noise.pt").write_bytes(random.Random(0).randbytes(5000))
    for name in ("noise.pt", "missing.pt", "."):
        with pytest.raises(InputError):
            checkpoint.load(tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "no format"),
        ({"version": 2}, "version 2"),
        ({"version": True}, "version True"),
        ({"model": 5}, "model must be"),
        ({"model": ""}, "model must be"),
        ({"arguments": {"classes": 4}}, "arguments must be JSON text"),
        ({"arguments": "{"}, "not JSON"),
        ({"arguments": "[" * 100_000}, "not JSON"),
        ({"arguments": "[1]"}, "JSON object"),
        ({"state_dict": []}, "must be a dict"),
        ({"state_dict": {"w": 1.0}}, "'w' does not"),
        ({"state_dict": {1: torch.zeros(1)}}, "'1' does not"),
        ({"state_dict": {"w": torch.zeros(1).expand(1 << 40)}}, "beyond its data"),
        ({"state_dict": {"w": torch.eye(3).to_sparse()}}, "not a plain dense tensor"),
        ({"input": None}, "input must be"),
        ({"input": {**raw()["input"], "dtype": "int64"}}, "input must be"),
        ({"input": {**raw()["input"], "shape": [1, 3, 0, 6]}}, "shape"),
        ({"input": {**raw()["input"], "shape": [2, 3, 8, 6]}}, "one image"),
        ({"input": {**raw()["input"], "shape": [1, 3, 8]}}, "4 dimensions"),
        ({"input": {**raw()["input"], "mean": [0.5]}}, "1 values for 3 channels"),
        ({"input": {**raw()["input"], "std": None}}, "go together"),
        ({"input": {**raw()["input"], "std": [1, 1, 0]}}, "greater than zero"),
        ({"output": {"meaning": "scores"}}, "output.meaning"),
        ({"output": ["logits"]}, "output.meaning"),
        ({"output": {"meaning": ["logits"]}}, "output.meaning"),
        ({"labels": ["a", 1]}, "labels"),
        ({"labels": "abcd"}, "labels"),
        ({"metrics": [1]}, "metrics"),
        ({"metrics": {"test_accuracy": torch.zeros(3)}}, "test_accuracy"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    torch.save(raw(**changes), tmp_path / "a.pt")
    with pytest.raises(InputError, match=message) as caught:
        checkpoint.load(tmp_path / "a.pt")
    assert str(tmp_path / "a.pt") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["model", "arguments", "state_dict", "input", "output", "labels", "metrics"])
def test_missing_keys_are_named(tmp_path: Path, key: str) -> None:
    data = raw()
    del data[key]
    torch.save(data, tmp_path / "a.pt")
    with pytest.raises(InputError, match=f"{key} missing"):
        checkpoint.load(tmp_path / "a.pt")


def test_not_a_dict(tmp_path: Path) -> None:
    torch.save([torch.zeros(3)], tmp_path / "a.pt")
    with pytest.raises(InputError, match="not an mdeploy checkpoint"):
        checkpoint.load(tmp_path / "a.pt")


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(raw(state_dict={"w": torch.zeros(100_000)}), buffer)
    with zipfile.ZipFile(buffer) as stored, zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    with pytest.raises(InputError, match="compressed"):
        checkpoint.load(tmp_path / "a.pt")


def test_parts_that_lie_over_each_other_are_refused(tmp_path: Path) -> None:
    """A directory that names the same bytes many times makes a small file take any amount of memory."""
    path = tmp_path / "a.pt"
    torch.save(raw(state_dict={"w": torch.zeros(100_000)}), path)
    with zipfile.ZipFile(path, "a") as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        copies = path.stat().st_size // largest.file_size + 1
        for number in range(copies):
            again = copy.copy(largest)
            again.filename = f"{largest.filename}{number}"
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
        archive._didModify = True  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="its parts claim to be larger than the file"):
        checkpoint.load(path)


def test_unknown_model_says_what_is_registered(registered: None) -> None:
    with pytest.raises(UnavailableError, match=r"'nope'.*registered: broken, not_a_module, tiny.*--model"):
        checkpoint.build_model(tiny_checkpoint(model="nope"))


def test_a_name_with_a_module_path_is_only_a_name(registered: None) -> None:
    with pytest.raises(UnavailableError, match="registers"):
        checkpoint.build_model(tiny_checkpoint(model="os:mkdir"))


def test_model_that_cannot_be_imported(registered: None) -> None:
    with pytest.raises(UnavailableError, match="no_such_module_here"):
        checkpoint.build_model(tiny_checkpoint(model="broken"))


def test_factory_that_gives_no_module(registered: None) -> None:
    with pytest.raises(InputError, match="not a torch module"):
        checkpoint.build_model(tiny_checkpoint(model="not_a_module"))


@pytest.mark.parametrize("arguments", [{"clases": 4}, {"classes": "four"}, {"classes": 101}, {"classes": -1}])
def test_arguments_that_do_not_fit(registered: None, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="arguments"):
        checkpoint.build_model(tiny_checkpoint(arguments=arguments))


def test_weights_that_do_not_fit_are_named(registered: None) -> None:
    weights = dict(Tiny(4).state_dict())
    with pytest.raises(InputError, match=r"fc\.weight has shape \[4, 3\], expected \[5, 3\]; fc\.bias"):
        checkpoint.build_model(tiny_checkpoint(arguments={"classes": 5}, state_dict=weights))
    del weights["fc.bias"]
    weights["extra"] = torch.zeros(1)
    with pytest.raises(InputError, match=r"fc\.bias missing; extra unknown"):
        checkpoint.build_model(tiny_checkpoint(state_dict=weights))
    with pytest.raises(InputError, match="and 4 more"):
        checkpoint.build_model(tiny_checkpoint(state_dict={}))
