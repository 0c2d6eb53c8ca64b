# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""From a registered name to a model, and from a model to a checkpoint."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

from torch import nn

from mdeploy.errors import InputError, MdeployError, UsageError
from mdeploy.formats.checkpoint import MODELS_GROUP, Checkpoint
from mdeploy.formats.manifest import InputSpec, Resize
from mdeploy_training.data import Normalization
from mdeploy_training.run.optimization import head_of

__all__ = ["full_arguments", "image_input", "make_checkpoint", "new_model", "transferred_model", "with_classes"]


def _factory(name: str) -> Callable[..., Any]:
    found = {entry.name: entry for entry in metadata.entry_points(group=MODELS_GROUP)}
    if name not in found:
        raise UsageError(f"no model named {name!r}; registered: {', '.join(sorted(found)) or 'none'}")
    factory: Callable[..., Any] = found[name].load()
    return factory


def with_classes(name: str, arguments: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """Add the number of classes to a model's arguments, where it takes one and none is given."""
    if "classes" in arguments or "classes" not in inspect.signature(_factory(name)).parameters:
        return dict(arguments)
    return {**arguments, "classes": classes}


def full_arguments(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Add the defaults of the arguments that are not given, so that a log tells everything."""
    defaults = {
        parameter.name: parameter.default
        for parameter in inspect.signature(_factory(name)).parameters.values()
        if parameter.default is not inspect.Parameter.empty
    }
    return {**defaults, **arguments}


def new_model(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Make a registered model from the user's own words; raises ``UsageError`` where they do not fit."""
    try:
        model = _factory(name)(**arguments)
    except MdeployError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"model {name}: {error}") from error
    if not isinstance(model, nn.Module):
        raise UsageError(f"model {name} gave a {type(model).__name__}, not a torch module")
    return model


def transferred_model(start: Checkpoint, arguments: Mapping[str, Any]) -> nn.Module:
    """Make the checkpoint's model with a new head: all its weights but the classifier's.

    Raises ``InputError`` where the checkpoint's weights are not those of the model with these arguments.
    """
    model = new_model(start.model, arguments)
    head = head_of(model)[0]
    wanted = model.state_dict()
    weights = {name: value for name, value in start.state_dict.items() if not name.startswith(f"{head}.")}
    wrong = [
        name
        for name in wanted
        if not name.startswith(f"{head}.") and (name not in weights or weights[name].shape != wanted[name].shape)
    ]
    wrong += [name for name in weights if name not in wanted]
    if wrong:
        raise InputError(
            f"the checkpoint's weights are not those of {start.model} with these arguments: {', '.join(wrong[:3])}"
        )
    model.load_state_dict(weights, strict=False)
    return model


def image_input(height: int, width: int, normalization: Normalization) -> InputSpec:
    """Return the input of a net trained on RGB images: the shorter side to size, then the middle."""
    square = height == width
    return InputSpec(
        name="input",
        shape=(1, 3, height, width),
        layout="NCHW",
        color_order="rgb",
        mean=normalization.mean,
        std=normalization.std,
        resize=Resize("bilinear", short_side=height) if square else Resize("bilinear", size=(height, width)),
        crop=(height, width) if square else None,
    )


def make_checkpoint(
    name: str,
    arguments: Mapping[str, Any],
    model: nn.Module,
    spec: InputSpec,
    labels: tuple[str, ...] | None,
    metrics: Mapping[str, float | int | str],
) -> Checkpoint:
    """Gather what a checkpoint holds, after checking that the model has one class per label."""
    if labels is not None:
        classes = head_of(model)[1].out_features
        if classes != len(labels):
            raise UsageError(
                f"model {name} has {classes} classes, the data {len(labels)}; give --arg classes={len(labels)}"
            )
    return Checkpoint(
        model=name, arguments=arguments, state_dict=model.state_dict(), input=spec, labels=labels, metrics=metrics
    )
