# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The state of a run on disk, beside its checkpoint: what ``--resume`` continues from."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import torch

from mdeploy.errors import InputError, UsageError, first_line
from mdeploy.files import replace_file
from mdeploy_training.run.engine import Engine
from mdeploy_training.run.recipe import Recipe

__all__ = ["load_state", "save_state", "setting_of", "state_path"]

_FORMAT = "mdeploy-training-state-1"


def state_path(output: Path) -> Path:
    """Return where the state of the run that writes this checkpoint is."""
    return output.with_suffix(".state")


def save_state(path: Path, engine: Engine, setting: dict[str, Any], history: list[dict[str, Any]]) -> None:
    """Write the state atomically.

    Args:
        setting: what must be the same when the run goes on; JSON values.
        history: the log's lines so far.
    """
    buffer = io.BytesIO()
    torch.save(
        {
            "format": _FORMAT,
            "setting": json.dumps(setting),
            "history": json.dumps(history),
            "engine": engine.state_dict(),
        },
        buffer,
    )
    replace_file(path, buffer.getbuffer())


def load_state(path: Path, engine: Engine, setting: dict[str, Any]) -> list[dict[str, Any]]:
    """Put the engine into the saved state; return the log's lines so far.

    Raises:
        InputError: the file cannot be read or belongs to another model.
        UsageError: the run was started with another setting; the differences are named.
    """
    try:
        state = torch.load(path, map_location=engine.world.device, weights_only=True)
        if state["format"] != _FORMAT:
            raise InputError(f"{path}: not the state of a training run")
        saved, history = json.loads(state["setting"]), json.loads(state["history"])
    except OSError as error:
        raise InputError(f"{path}: cannot read the state: {error.strerror or error}") from error
    except InputError:
        raise
    except Exception as error:  # a damaged file can make torch's reader raise anything
        raise InputError(f"{path}: not the state of a training run, or damaged") from error
    differences = [
        f"{key} was {saved.get(key)!r}, is {setting.get(key)!r}"
        for key in {**saved, **setting}
        if saved.get(key) != setting.get(key)
    ]
    if differences:
        raise UsageError(f"{path}: cannot go on with another setting: {'; '.join(differences[:3])}")
    try:
        generator = state["engine"]["random"].cpu()
        engine.load_state_dict({**state["engine"], "random": generator})
    except (KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: the state does not fit: {first_line(error)}") from error
    return list(history)


def setting_of(recipe: Recipe, **more: Any) -> dict[str, Any]:
    """Return a recipe and more as plain JSON values."""
    values: dict[str, Any] = json.loads(json.dumps({**dataclasses.asdict(recipe), **more}))
    return values
