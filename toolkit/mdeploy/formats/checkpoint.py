# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The checkpoint: one file with a registered model's name, its arguments, weights, input, labels and measured figures.

The file is a ``torch.save``'d dict of plain types and tensors::

    {"format": "mdeploy-checkpoint", "version": 1,
     "model": NAME,                    an entry point of the group mdeploy.models
     "arguments": JSON,                keyword arguments of that entry point, as text
     "state_dict": {name: tensor},
     "input": {...},                   as in the manifest's schema, without name and dtype
     "output": {"meaning": "log_probabilities"},
     "labels": [...] or None,          class names by index
     "metrics": {"test_accuracy": 0.9, "epochs": 30}}

Nothing in it can name code: the model is looked up only among the entry points that are installed here.
Files are untrusted; every malformed one gives an ``InputError`` of one line.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mdeploy.errors import InputError, MdeployError, UnavailableError, first_line
from mdeploy.files import check_readable, replace_file
from mdeploy.formats.manifest import InputSpec

__all__ = ["FORMAT", "MODELS_GROUP", "VERSION", "Checkpoint", "build_model", "load", "save"]

FORMAT = "mdeploy-checkpoint"
VERSION = 1
MODELS_GROUP = "mdeploy.models"

_MEANINGS = ("logits", "log_probabilities", "probabilities")
_KEYS = ("model", "arguments", "state_dict", "input", "output", "labels", "metrics")
_MAX_PICKLE_BYTES = 64 << 20  # the structure alone, without the weights
_MAX_LABELS = 1_000_000


@dataclass(frozen=True)
class Checkpoint:
    """A trained classifier as plain data. ``build_model`` makes the module."""

    model: str
    """Registered name, an entry point of the group ``mdeploy.models``."""
    arguments: Mapping[str, Any]
    """Keyword arguments of the entry point; JSON values only."""
    state_dict: Mapping[str, Tensor]
    input: InputSpec
    """Shape [1, C, H, W] and how an image becomes it."""
    meaning: str = "log_probabilities"
    """Of the output: logits, log_probabilities or probabilities."""
    labels: tuple[str, ...] | None = None
    """Class names by index."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Measured figures, such as test_accuracy (a share of 1) and epochs; JSON scalars only."""


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write the file beside its place and move it in, so that a crash leaves the old file or none.

    Equal checkpoints give equal bytes. Raises ``InputError`` where the place cannot be written.
    """
    spec = checkpoint.input.to_json()
    data = {
        "format": FORMAT,
        "version": VERSION,
        "model": checkpoint.model,
        "arguments": json.dumps(dict(checkpoint.arguments), sort_keys=True, allow_nan=False),
        # Cloned, so that a view does not drag its whole storage into the file.
        "state_dict": {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in checkpoint.state_dict.items()
        },
        "input": {key: value for key, value in spec.items() if key not in ("name", "dtype")},
        "output": {"meaning": checkpoint.meaning},
        "labels": None if checkpoint.labels is None else list(checkpoint.labels),
        "metrics": dict(sorted(checkpoint.metrics.items())),
    }
    # Through memory: torch writes the name of the file it saves to into the file.
    buffer = io.BytesIO()
    torch.save(data, buffer)
    replace_file(path, buffer.getbuffer())


def load(path: Path) -> Checkpoint:
    """Read and check a checkpoint without running anything in it.

    Raises ``InputError`` naming the file and what is wrong with it.
    """
    _check_container(path)
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: refused: it holds more than tensors and plain values ({first_line(error)})"
        ) from error
    except Exception as error:  # a damaged file can make torch's reader raise anything
        raise InputError(f"{path}: cannot read the checkpoint: {first_line(error)}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"{path}: not an mdeploy checkpoint: no format {FORMAT!r} in it")
    if type(data.get("version")) is not int or data["version"] != VERSION:
        raise InputError(f"{path}: checkpoint version {data.get('version')!r}; this mdeploy reads version {VERSION}")
    missing = [key for key in _KEYS if key not in data]
    if missing:
        raise InputError(f"{path}: {', '.join(missing)} missing")
    return Checkpoint(
        model=_string(data["model"], "model", path),
        arguments=_arguments(data["arguments"], path),
        state_dict=_state_dict(data["state_dict"], path),
        input=_input(data["input"], path),
        meaning=_meaning(data["output"], path),
        labels=_labels(data["labels"], path),
        metrics=_metrics(data["metrics"], path),
    )


def build_model(checkpoint: Checkpoint) -> nn.Module:
    """Make the module with the checkpoint's weights, in eval mode.

    Raises ``UnavailableError`` where no installed package registers the model, ``InputError`` where its arguments or
    weights do not fit.
    """
    found = {entry.name: entry for entry in metadata.entry_points(group=MODELS_GROUP)}
    if checkpoint.model not in found:
        known = ", ".join(sorted(found)) or "none"
        raise UnavailableError(
            f"no installed package registers the model {checkpoint.model!r} in {MODELS_GROUP} (registered: {known}); "
            "install the package that does, or give the factory by --model"
        )
    try:
        factory = found[checkpoint.model].load()
    except Exception as error:
        raise UnavailableError(
            f"model {checkpoint.model!r}: cannot import {found[checkpoint.model].value}: {error}"
        ) from error
    # First without memory, so that a file cannot ask for more than its own weights fill.
    with contextlib.suppress(NotImplementedError), torch.device("meta"):
        _check_weights(_call(factory, checkpoint), checkpoint)
    model = _call(factory, checkpoint)
    _check_weights(model, checkpoint)
    model.load_state_dict(dict(checkpoint.state_dict))
    return model.eval()


def _call(factory: Any, checkpoint: Checkpoint) -> nn.Module:
    try:
        model = factory(**checkpoint.arguments)
    except NotImplementedError:
        raise
    except (TypeError, ValueError, RuntimeError, MemoryError, MdeployError) as error:
        raise InputError(
            f"model {checkpoint.model!r} does not take the checkpoint's arguments "
            f"{json.dumps(dict(checkpoint.arguments))[:200]}: {first_line(error)}"
        ) from error
    if not isinstance(model, nn.Module):
        raise InputError(f"model {checkpoint.model!r} gave a {type(model).__name__}, not a torch module")
    return model


def _check_weights(model: nn.Module, checkpoint: Checkpoint) -> None:
    wanted, given = model.state_dict(), checkpoint.state_dict
    problems = [f"{name} missing" for name in wanted if name not in given]
    problems += [f"{name} unknown" for name in given if name not in wanted]
    problems += [
        f"{name} has shape {list(given[name].shape)}, expected {list(wanted[name].shape)}"
        for name in wanted
        if name in given and given[name].shape != wanted[name].shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise InputError(f"the weights do not fit the model {checkpoint.model!r}: {'; '.join(problems[:3])}{more}")


def _check_container(path: Path) -> None:
    """Refuse what torch would read in ways that are not bounded by the file's own size."""
    check_readable(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise InputError(f"{path}: not an mdeploy checkpoint, or damaged: {first_line(error)}") from error
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise InputError(f"{path}: refused: it has compressed parts, which torch.save never writes")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise InputError(f"{path}: refused: its parts claim to be larger than the file")
    if any(entry.filename.endswith("data.pkl") and entry.file_size > _MAX_PICKLE_BYTES for entry in entries):
        raise InputError(f"{path}: refused: its structure alone takes more than {_MAX_PICKLE_BYTES >> 20} MiB")


def _string(value: Any, key: str, path: Path) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 1000:
        raise InputError(f"{path}: {key} must be a short text, not {type(value).__name__}")
    return value


def _arguments(value: Any, path: Path) -> dict[str, Any]:
    if not isinstance(value, str):
        raise InputError(f"{path}: arguments must be JSON text, not {type(value).__name__}")
    try:
        arguments = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: arguments are not JSON: {first_line(error)}") from error
    if not isinstance(arguments, dict):
        raise InputError(f"{path}: arguments must be a JSON object, not {type(arguments).__name__}")
    return arguments


def _state_dict(value: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(value, dict):
        raise InputError(f"{path}: state_dict must be a dict, not {type(value).__name__}")
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise InputError(f"{path}: state_dict must map names to tensors; {str(name)[:100]!r} does not")
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise InputError(f"{path}: state_dict: {name[:100]} is not a plain dense tensor")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise InputError(f"{path}: state_dict: {name[:100]} claims shape {list(tensor.shape)}, beyond its data")
    return dict(value)


def _input(value: Any, path: Path) -> InputSpec:
    if not isinstance(value, dict) or {"name", "dtype"} & set(value):
        raise InputError(f"{path}: input must be a dict of the manifest's fields without name and dtype")
    spec = InputSpec.from_json({**value, "name": "input", "dtype": "float32"}, f"{path}: input")
    if spec.layout != "NCHW" or spec.shape[0] != 1:
        raise InputError(f"{path}: input must be one image, shape [1, C, H, W] in NCHW, got {list(spec.shape)}")
    return spec


def _meaning(value: Any, path: Path) -> str:
    meaning = value.get("meaning") if isinstance(value, dict) else None
    if not isinstance(meaning, str) or meaning not in _MEANINGS:
        raise InputError(f"{path}: output.meaning must be one of {', '.join(_MEANINGS)}")
    return meaning


def _labels(value: Any, path: Path) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MAX_LABELS or not all(isinstance(item, str) for item in value):
        raise InputError(f"{path}: labels must be a list of class names or None")
    return tuple(value)


def _metrics(value: Any, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{path}: metrics must be a dict by name")
    for key, metric in value.items():
        if metric is not None and not isinstance(metric, (bool, int, float, str)):
            raise InputError(f"{path}: metrics: {key[:100]} must be a number or a text, not {type(metric).__name__}")
    return dict(value)
