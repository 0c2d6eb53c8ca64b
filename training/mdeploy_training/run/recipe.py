# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A recipe: every number of a training run, as typed data read from a TOML file.

The named recipes are the files in ``recipes/``; any field can be overridden by ``--set FIELD=VALUE``.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mdeploy.errors import InputError, UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

__all__ = ["Precision", "Recipe", "ScheduleName", "load_recipe", "named_recipes"]

ScheduleName = Literal["multistep", "step", "cosine", "one_cycle"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What one run does. Lengths of time are in epochs."""

    epochs: int
    batch: int
    """Images per step, over all processes."""
    lr: float
    """Peak learning rate, for the whole batch."""
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    decay_norm_and_bias: bool = True
    """Whether weight decay also acts on normalisation parameters and biases."""
    schedule: ScheduleName
    """multistep: times ``gamma`` at each of ``milestones``. step: times ``gamma`` every ``step_epochs``. cosine: to 0.
    one_cycle: up over ``warmup_epochs``, then straight down to 0."""
    warmup_epochs: float = 0.0
    """The learning rate rises linearly from 0 over this time, under every schedule."""
    milestones: tuple[int, ...] = ()
    step_epochs: int = 0
    gamma: float = 0.1
    label_smoothing: float = 0.0
    ema: float = 0.0
    """Decay per step of the averaged weights that are tested and saved; 0 switches averaging off."""
    crop_padding: int = 0
    """Random crops after reflecting the border by so many pixels."""
    crop_area: float = 0.0
    """Random crops of at least this share of the image, scaled to full size, as for ImageNet; 0 switches them off."""
    flip: bool = False
    """Random horizontal flips."""
    randaugment: float = 0.0
    """Strength of RandAugment's two operations, 0 (off) to 10."""
    mixup: float = 0.0
    cutmix: float = 0.0
    """Parameter of the Beta distribution of shares; 0 is off. With both, one of them is drawn for each batch."""
    start_size: int = 0
    """Shorter side of the images at the start, scaled down on the device; 0 keeps the full size throughout."""
    grow_epochs: float = 0.0
    """Time over which the size grows in steps of 4 pixels from ``start_size`` to the full one."""
    freeze: bool = False
    """Train the head alone; everything before it stays as it is, its normalisation statistics too."""
    layer_decay: float = 1.0
    """Learning rate of each stage over that of the next one; the head has the full rate."""
    accumulate: int = 1
    """Parts in which each batch is computed one after another, where memory is short."""
    precision: Precision = "auto"
    """auto: bfloat16 autocast where the device computes it natively, else float32. fp16 scales the loss."""
    channels_last: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(f"recipe: {name} must be from {low:g} to {high:g}, not {value}")
        if self.schedule == "step" and self.step_epochs < 1:
            raise UsageError("recipe: schedule step needs step_epochs of at least 1")
        if self.schedule == "multistep" and not self.milestones:
            raise UsageError("recipe: schedule multistep needs milestones")
        if self.batch % self.accumulate:
            raise UsageError(f"recipe: batch {self.batch} cannot be cut into {self.accumulate} equal parts")
        if bool(self.start_size) != bool(self.grow_epochs):
            raise UsageError("recipe: start_size and grow_epochs go together")
        if self.nesterov and not self.momentum:
            raise UsageError("recipe: nesterov needs momentum")


_ALMOST_ONE = 1 - 1e-9
_RANGES: tuple[tuple[str, float, float], ...] = (
    ("epochs", 1, 1_000_000),
    ("batch", 1, 1_000_000),
    ("lr", 0, 1e6),
    ("momentum", 0, _ALMOST_ONE),
    ("weight_decay", 0, 1e3),
    ("warmup_epochs", 0, 1_000_000),
    ("gamma", 0, 1),
    ("label_smoothing", 0, _ALMOST_ONE),
    ("ema", 0, _ALMOST_ONE),
    ("crop_padding", 0, 1000),
    ("crop_area", 0, 1),
    ("randaugment", 0, 10),
    ("mixup", 0, 100),
    ("cutmix", 0, 100),
    ("start_size", 0, 4096),
    ("grow_epochs", 0, 1_000_000),
    ("layer_decay", 1e-6, 1),
    ("accumulate", 1, 1_000_000),
    ("seed", 0, 2**31 - 1),
)


def named_recipes() -> list[str]:
    """Return the names that ``--recipe`` takes beside paths."""
    folder = resources.files("mdeploy_training.run").joinpath("recipes")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_recipe(name: str, overrides: Mapping[str, str] | None = None) -> Recipe:
    """Read a named recipe or a TOML file and apply overrides given as text.

    Raises ``UsageError`` for an unknown name, field or value, ``InputError`` for a file that cannot be read.
    """
    if name in named_recipes():
        text = (
            resources.files("mdeploy_training.run")
            .joinpath("recipes")
            .joinpath(f"{name}.toml")
            .read_text(encoding="utf-8")
        )
    elif name.endswith(".toml"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{name}: cannot read the recipe: {error}") from error
    else:
        raise UsageError(f"no recipe named {name!r}; there are {', '.join(named_recipes())}, or give a .toml file")
    try:
        values: dict[str, Any] = tomllib.loads(text)
        for field, value in (overrides or {}).items():
            values[field] = _parsed(value)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: not a TOML file: {error}") from error
    hints = get_type_hints(Recipe)
    checked = {field: _checked(field, value, hints) for field, value in values.items()}
    missing = [
        field.name
        for field in dataclasses.fields(Recipe)
        if field.default is dataclasses.MISSING and field.name not in checked
    ]
    if missing:
        raise UsageError(f"recipe {name}: {', '.join(missing)} missing")
    return Recipe(**checked)


def _parsed(value: str) -> Any:
    """Read one value from the command line: TOML where it is TOML, else the text itself."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


def _checked(field: str, value: Any, hints: Mapping[str, Any]) -> Any:
    if field not in hints:
        raise UsageError(f"recipe: no field {field!r}; there are {', '.join(hints)}")
    hint = hints[field]
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        raise UsageError(f"recipe: {field} must be one of {', '.join(get_args(hint))}, not {value!r}")
    if get_origin(hint) is tuple:
        if isinstance(value, list) and all(type(item) is int for item in value):
            return tuple(value)
        raise UsageError(f"recipe: {field} must be a list of integers, not {value!r}")
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise UsageError(f"recipe: {field} must be of type {hint.__name__}, not {value!r}")
    return value
