# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Weights out of files as training scripts write them: wrapped, averaged, beside options, or a whole pickled module."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mdeploy.errors import InputError, UsageError
from mdeploy.models.weights import Weights, find_weights, load_plain


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))


def read(path: Path, key: str | None = None) -> Weights:
    return find_weights(path, load_plain(path), key)


def equal(found: Weights, module: nn.Module) -> bool:
    wanted = module.state_dict()
    return found.tensors.keys() == wanted.keys() and all(torch.equal(found.tensors[k], wanted[k]) for k in wanted)


@pytest.mark.parametrize("keys", [(), ("state_dict",), ("model",), ("model_ema",), ("model", "state_dict"), ("ema",)])
@pytest.mark.parametrize("zipped", [True, False])
def test_wrappers(tmp_path: Path, keys: tuple[str, ...], zipped: bool) -> None:
    data: Any = net().state_dict()
    for key in reversed(keys):
        data = {"epoch": 3, key: data, "optimizer": {"state": {0: {"momentum": torch.ones(2)}}, "param_groups": [{}]}}
    torch.save(data, tmp_path / "w.pth.tar", _use_new_zipfile_serialization=zipped)
    found = read(tmp_path / "w.pth.tar")
    assert found.key == ".".join(keys)
    assert found.others == ()
    assert equal(found, net())


def test_safetensors(tmp_path: Path) -> None:
    save_file(net().state_dict(), tmp_path / "w.dat")
    assert equal(read(tmp_path / "w.dat"), net())
    content = (tmp_path / "w.dat").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[:-10])
    with pytest.raises(InputError, match=r"cut\.safetensors: damaged safetensors"):
        read(tmp_path / "cut.safetensors")


def test_raw_and_averaged_weights_can_both_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "c.pth"
    torch.save({"state_dict_ema": net(1).state_dict(), "state_dict": net(0).state_dict()}, path)
    assert (read(path).key, read(path).others) == ("state_dict", ("state_dict_ema",))
    assert equal(read(path), net(0))
    assert equal(read(path, "state_dict_ema"), net(1))
    with pytest.raises(UsageError, match="there are state_dict, state_dict_ema"):
        read(path, "ema")


def test_options_and_numpy_scalars_beside_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "timm.pth.tar"
    data = {
        "state_dict": net().state_dict(),
        "args": argparse.Namespace(lr=0.1, mean=[0.5]),
        "best": np.float64(0.9),
        "place": Path("elsewhere"),
    }
    torch.save(data, path)
    assert equal(read(path), net())


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_pickled_module_gives_its_weights_and_none_of_its_code_runs(
    tmp_path: Path, wrapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The class is gone when the file is read, and would leave a trace if it were imported."""
    source = """
import torch, pathlib
pathlib.Path({trace!r}).touch()
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(3, 2)
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("hidden", torch.ones(2), persistent=False)
        self.inner = torch.nn.ModuleList([torch.nn.Linear(2, 2, bias=False)])
""".format(trace=str(tmp_path / "imported"))
    (tmp_path / "theirs.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    import theirs  # type: ignore[import-not-found]

    module = theirs.Net()
    torch.save({"model": module, "epoch": 1} if wrapped else module, tmp_path / "m.pt")
    torch.save(module, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    sys.modules.pop("theirs")
    (tmp_path / "imported").unlink()
    found = read(tmp_path / "m.pt")
    assert found.module == "theirs.Net"
    assert equal(found, module)
    assert not (tmp_path / "imported").exists()
    assert "theirs" not in sys.modules
    with pytest.raises(InputError, match=r"a whole module in torch's old format.*save the weights alone"):
        read(tmp_path / "old.pt")


class Command:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch ran",)


class Built:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return eval, ("__import__('os').mkdir('ran')",)


@pytest.mark.parametrize("harm", [Command(), Built()])
def test_what_is_named_to_run_is_refused(tmp_path: Path, harm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": net().state_dict(), "args": harm}, "evil.pt")
    with pytest.raises(InputError, match=r"refused: .* names (posix\.system|eval)"):
        read(Path("evil.pt"))
    assert not Path("ran").exists()


def test_what_holds_no_weights_is_named(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "loss": [0.1]}, tmp_path / "log.pt")
    with pytest.raises(InputError, match=r"neither .* nor a state_dict, but a dict \(epoch, loss\)"):
        read(tmp_path / "log.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(InputError, match="but a list"):
        read(tmp_path / "list.pt")
