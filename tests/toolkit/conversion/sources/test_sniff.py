# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a source needs is said at once, and without torch."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

from mdeploy.conversion.sources import sniff
from mdeploy.conversion.sources.base import SourceOptions
from mdeploy.errors import InputError, UsageError
from mdeploy.formats import checkpoint


class Whole(nn.Module):
    """A module that is pickled as a whole."""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def test_every_missing_flag_is_named_at_once(weights: Path) -> None:
    with pytest.raises(UsageError, match=r"holds weights only.*--model FILE_OR_MODULE:FACTORY.*--input-shape"):
        sniff.check_source(weights, SourceOptions())
    with pytest.raises(UsageError, match="holds weights only; say what goes in: --input-shape"):
        sniff.check_source(weights, SourceOptions(model="m:f"))
    sniff.check_source(weights, SourceOptions(model="m:f", input_shapes={"": (1, 2)}))


def test_torchscript_needs_a_shape(tmp_path: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "net.pt"))
    assert sniff.kind_of(tmp_path / "net.pt") == "torchscript"
    with pytest.raises(UsageError, match=r"is TorchScript.*--input-shape"):
        sniff.check_source(tmp_path / "net.pt", SourceOptions())


def test_what_it_cannot_tell_is_left_to_torch(tmp_path: Path, bundled_checkpoint: Path) -> None:
    assert sniff._CHECKPOINT == checkpoint.FORMAT
    torch.save(Whole(), tmp_path / "whole.pt")
    torch.save({"epoch": 3, "list": [1, 2]}, tmp_path / "plain.pt")
    (tmp_path / "old.pt").write_bytes(b"\x80\x02}q\x00.")
    (tmp_path / "other.onnx").write_bytes(b"\x08\x07")
    for path in (bundled_checkpoint, *(tmp_path / name for name in ("whole.pt", "plain.pt", "old.pt", "other.onnx"))):
        sniff.check_source(path, SourceOptions())


def test_wrapped_weights_are_weights(tmp_path: Path) -> None:
    state = OrderedDict(nn.Linear(2, 2).state_dict())
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "wrapped.pth")
    with pytest.raises(UsageError, match="holds weights only"):
        sniff.check_source(tmp_path / "wrapped.pth", SourceOptions())


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "cut.pt").write_bytes(b"PK\x03\x04")
    (tmp_path / "d").mkdir()
    for name, said in (("none.pt", "no such file"), ("empty", "is empty"), ("cut.pt", "damaged"), ("d", "directory")):
        with pytest.raises(InputError, match=said):
            sniff.check_source(tmp_path / name, SourceOptions())


@pytest.mark.parametrize("arguments", [["convert", "nosuch.pt"], ["convert", "weights.pth"]])
def test_convert_says_so_without_torch(arguments: list[str], weights: Path) -> None:
    code = (
        "import sys\nfrom mdeploy.cli.main import run\n"
        f"assert run({arguments!r}) in (2, 3)\nassert 'torch' not in sys.modules and 'onnx_ir' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=weights.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1
