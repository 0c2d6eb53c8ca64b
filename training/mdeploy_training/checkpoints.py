# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""From a model by name to a checkpoint, for the trained and the untrained."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mdeploy.checkpoint import MODELS_GROUP, Checkpoint
from mdeploy.errors import InputError, MdeployError, UsageError
from mdeploy.manifest import InputSpec, Resize
from mdeploy_training.data import Normalization

__all__ = ["check_destination", "make_checkpoint", "new_model", "picture_input"]


def new_model(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Make a registered model from the user's own words; raises ``UsageError`` where they do not fit."""
    found = {entry.name: entry for entry in metadata.entry_points(group=MODELS_GROUP)}
    if name not in found:
        raise UsageError(f"no model named {name!r}; registered: {', '.join(sorted(found)) or 'none'}")
    try:
        model = found[name].load()(**arguments)
    except MdeployError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"model {name}: {error}") from error
    if not isinstance(model, nn.Module):
        raise UsageError(f"model {name} gave a {type(model).__name__}, not a torch module")
    return model


def picture_input(height: int, width: int, normalization: Normalization) -> InputSpec:
    """Return the input of a net trained on RGB pictures: the shorter side to size, then the middle."""
    return InputSpec(
        name="input",
        shape=(1, 3, height, width),
        layout="NCHW",
        color_order="rgb",
        mean=normalization.mean,
        std=normalization.std,
        resize=Resize("bilinear", short_side=min(height, width))
        if height == width
        else Resize("bilinear", size=(height, width)),
        crop=(height, width) if height == width else None,
    )


def make_checkpoint(
    name: str,
    arguments: Mapping[str, Any],
    model: nn.Module,
    spec: InputSpec,
    labels: tuple[str, ...] | None,
    metrics: Mapping[str, float | int | str],
) -> Checkpoint:
    """Gather what a checkpoint holds, after checking that the model gives one value per label."""
    if labels is not None:
        mode = model.training
        model.eval()
        with torch.no_grad():
            device = next(model.parameters()).device
            classes = model(torch.zeros(spec.shape, device=device)).shape[-1]
        model.train(mode)
        if classes != len(labels):
            raise UsageError(
                f"model {name} has {classes} classes, the data {len(labels)}; give --arg classes={len(labels)}"
            )
    return Checkpoint(
        model=name, arguments=arguments, state_dict=model.state_dict(), input=spec, labels=labels, metrics=metrics
    )


def check_destination(path: Path) -> None:
    """Refuse, before hours of work, a place that cannot be written."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; -o takes the file to write")
    if not path.parent.is_dir():
        raise InputError(f"{path}: no folder {path.parent}")
