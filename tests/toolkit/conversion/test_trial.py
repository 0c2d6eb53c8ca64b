# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a source model cannot take or does not repeat is said before it is exported; inputs and branches are its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.conversion.sources import SourceOptions
from mdeploy.errors import CheckFailed, InputError, UnavailableError, UsageError

NETS = """
import torch
from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
    def forward(self, left, right):
        return left * self.scale - 2 * right

class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.f = nn.Linear(3, 4)
    def forward(self, x):
        if x.mean() > .9:
            x = x * 0 + 5
        return self.f(x.mean((2, 3)))

def scaled(by=1.0):
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    net.register_forward_hook(lambda module, inputs, output: output * by)
    return net
"""


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    path = tmp_path / "their_nets.py"
    path.write_text(NETS)
    return path


def test_names_of_inputs_are_parameters(tmp_path: Path, nets: Path) -> None:
    torch.save({"scale": torch.ones(1)}, tmp_path / "w.pth")

    def made(**shapes: tuple[int, ...]) -> list[str]:
        options = ConvertOptions(tmp_path / "out", source=SourceOptions(f"{nets}:Two", {}, shapes))
        artifact = convert(tmp_path / "w.pth", options).artifact
        with get_backend("mdeploy").prepare(artifact, PrepareOptions()) as session:
            values = {"left": np.ones((1, 4), np.float32), "right": np.zeros((1, 4), np.float32)}
            names = [spec.name for spec in artifact.manifest.inputs]
            assert session.run([values[name] for name in names])[0].tolist() == [[1.0] * 4]
        return names

    assert made(right=(1, 4), left=(1, 4)) == made(left=(1, 4), right=(1, 4)) == ["left", "right"]
    with pytest.raises(UsageError, match="names wrong, but forward takes left, right"):
        made(left=(1, 4), wrong=(1, 4))


def test_a_branch_on_the_data_is_found(tmp_path: Path, nets: Path) -> None:
    torch.manual_seed(0)
    torch.save(nn.Linear(3, 4).state_dict(), tmp_path / "inner.pth")
    weights = {f"f.{name}": tensor for name, tensor in torch.load(tmp_path / "inner.pth").items()}
    torch.save(weights, tmp_path / "b.pth")
    with pytest.raises(CheckFailed, match=r"on the case ones; if the model branches on its data"):
        convert(
            tmp_path / "b.pth",
            ConvertOptions(
                tmp_path / "out",
                source=SourceOptions(f"{nets}:Branch", {}, {"": (1, 3, 8, 8)}),
                exporter="torchscript",
            ),
        )
    assert not (tmp_path / "out").exists()


def test_dropout_that_was_left_on(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Dropout(0.5), nn.Linear(8, 3)).train()
    torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 2, 2),)), tmp_path / "t.pt2")
    with pytest.raises(CheckFailed, match=r"training mode.*model\.eval\(\)"):
        convert(tmp_path / "t.pt2", ConvertOptions(tmp_path / "out"))


@pytest.mark.parametrize(
    ("shape", "advice"),
    [((64, 48, 3), "1,3,64,48"), ((3, 64, 48), "1,3,64,48"), ((1, 64, 48, 3), "1,3,64,48"), ((1, 4, 8, 8), None)],
)
def test_a_shape_that_the_model_does_not_take(tmp_path: Path, shape: tuple[int, ...], advice: str | None) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    torch.jit.script(net).save(tmp_path / "s.ts")
    with pytest.raises(InputError, match="does not run on an input of") as caught:
        convert(tmp_path / "s.ts", ConvertOptions(tmp_path / "out", source=SourceOptions(input_shapes={"": shape})))
    text = str(caught.value)
    assert "\n" not in text
    assert "TorchScript interpreter" not in text
    assert text.endswith(f"--input-shape {advice}" if advice else "check --input-shape")


@pytest.mark.parametrize("key", [None, "ema"])
def test_pytorch_runs_the_users_class_again_where_it_is_named(tmp_path: Path, nets: Path, key: str | None) -> None:
    torch.manual_seed(1)
    raw, ema = (nn.Sequential(nn.Flatten(), nn.Linear(12, 5)) for _ in range(2))
    torch.save({"model": raw.state_dict(), "ema": ema.state_dict()}, tmp_path / "w.pth")
    source = SourceOptions(f"{nets}:scaled", {"by": 3.0}, {"": (1, 3, 2, 2)}, key)
    artifact = convert(tmp_path / "w.pth", ConvertOptions(tmp_path / "out", source=source)).artifact
    backend, x = get_backend("torch"), np.ones((1, 3, 2, 2), np.float32)
    with pytest.raises(UnavailableError, match=rf"name its code again: --model {nets}:scaled"):
        backend.prepare(artifact, PrepareOptions())
    with backend.prepare(artifact, PrepareOptions(model=f"{nets}:scaled")) as session:
        wanted = 3 * (ema if key else raw)(torch.from_numpy(x)).detach().numpy()
        np.testing.assert_allclose(session.run([x])[0], wanted, rtol=1e-6)
    with backend.prepare(artifact, PrepareOptions(model=f"{nets}:scaled", model_arguments={"by": 1.0})) as session:
        np.testing.assert_allclose(session.run([x])[0] * 3, wanted, rtol=1e-6)
