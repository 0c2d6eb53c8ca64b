# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The nets of the comparison, and the form of them that other runtimes like best.

``python -m peer_runtimes.nets NET FILE`` writes a checkpoint of a net with random weights and calibrated normalisation.
Imports nothing of mdeploy but its models, so that it works in the peers' own environment.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Any

__all__ = ["NETS", "Net", "load_model", "make_checkpoint", "sliced"]


@dataclass(frozen=True)
class Net:
    """One net: how to make it and what it costs."""

    model: str
    arguments: dict[str, Any]
    size: int
    macs: int
    classes: int
    package: str = "mdeploy_training.models"


NETS = {
    "basic": Net("resnest50_cifar", {"block": "basic"}, 32, 1_161_288_704, 10),
    "bottleneck": Net("resnest50_cifar", {"block": "bottleneck"}, 32, 1_299_716_096, 10),
    "resnest50": Net("resnest50", {}, 224, 5_371_160_576, 1000),
    "resnet18": Net("resnet18", {}, 224, 1_814_073_344, 1000, "torchvision.models"),
    "resnet50": Net("resnet50", {}, 224, 4_089_184_256, 1000, "torchvision.models"),
    "mobilenet_v2": Net("mobilenet_v2", {}, 224, 300_774_272, 1000, "torchvision.models"),
}


def make_checkpoint(net: Net, path: str) -> None:
    """Write ``path`` with the net's ``state_dict``: random weights, calibrated normalisation."""
    import torch

    from mdeploy_training.models.calibration import calibrate

    torch.manual_seed(0)
    model = calibrate(_new_model(net), (1, 3, net.size, net.size))
    torch.save({"state_dict": model.state_dict()}, path)


def _new_model(net: Net) -> Any:
    return getattr(importlib.import_module(net.package), net.model)(**net.arguments)


def load_model(net: Net, checkpoint: str) -> Any:
    """The net in evaluation mode with the checkpoint's weights."""
    import torch

    model = _new_model(net).eval()
    model.load_state_dict(torch.load(checkpoint, weights_only=True)["state_dict"])
    return model


def sliced(model: Any) -> Any:
    """The same function with batch norm folded and radix-2 softmax written as a sigmoid over channel slices.

    Every converter takes this form without 5-D tensors or transpositions, and every peer runs it at least as fast as
    the exporter's own: the comparison gives each its best.
    """
    import torch
    from torch.nn import functional as F
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    from mdeploy_training.models import SplitAttentionConv

    class Sliced(torch.nn.Module):
        def __init__(self, block: SplitAttentionConv) -> None:
            super().__init__()
            self.c = block.out_channels
            self.conv = fuse_conv_bn_eval(block.conv, block.bn0)
            self.fc1 = fuse_conv_bn_eval(block.fc1, block.bn1)
            self.fc2 = block.fc2

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = F.relu(self.conv(x))
            x0, x1 = x[:, : self.c], x[:, self.c :]
            a = self.fc2(F.relu(self.fc1(F.adaptive_avg_pool2d(x0 + x1, 1))))
            return x1 + (x0 - x1) * torch.sigmoid(a[:, : self.c] - a[:, self.c :])

    def rewrite(module: torch.nn.Module) -> None:
        previous: tuple[str, torch.nn.Module] | None = None
        for name, child in list(module.named_children()):
            if isinstance(child, SplitAttentionConv):
                if child.radix != 2 or child.cardinality != 1:
                    raise ValueError("the sliced form is for radix 2 and cardinality 1")
                setattr(module, name, Sliced(child))
            elif isinstance(child, torch.nn.BatchNorm2d) and previous and isinstance(previous[1], torch.nn.Conv2d):
                setattr(module, previous[0], fuse_conv_bn_eval(previous[1], child))
                setattr(module, name, torch.nn.Identity())
            else:
                rewrite(child)
            previous = (name, child)

    rewrite(model)
    return model


if __name__ == "__main__":
    make_checkpoint(NETS[sys.argv[1]], sys.argv[2])
