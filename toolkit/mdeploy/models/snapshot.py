# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A directory as the Hugging Face hub gives it: ``config.json``, ``preprocessor_config.json`` and the weights.

The files are data. A configuration names a model of timm's or transformers' registry; code that lies in the directory
(``auto_map``) is never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdeploy.errors import InputError
from mdeploy.formats.json_text import read_json

__all__ = ["CONFIG", "PROCESSOR", "Snapshot", "is_snapshot", "open_snapshot", "weights_file"]

CONFIG, PROCESSOR = "config.json", "preprocessor_config.json"

_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")
_SUFFIXES = (".safetensors", ".bin", ".pth", ".pt", ".tar", ".ckpt")
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Snapshot:
    """What lies in such a directory; None is what does not."""

    folder: Path
    weights: Path
    config: Mapping[str, Any] | None
    processor: Mapping[str, Any] | None

    @property
    def timm_architecture(self) -> str | None:
        """The model of timm's registry, where the configuration names one."""
        name = (self.config or {}).get("architecture")
        return name if isinstance(name, str) else None

    @property
    def timm_config(self) -> dict[str, Any]:
        """What timm keeps of its weights, also in the older form without a part of its own."""
        config = dict(self.config or {})
        inner = config.get("pretrained_cfg")
        found = dict(inner) if isinstance(inner, Mapping) else dict(config)
        return found | {
            key: config[key] for key in ("num_classes", "label_names", "label_descriptions") if key in config
        }

    @property
    def timm_arguments(self) -> dict[str, Any]:
        """What timm's model is made with."""
        given = (self.config or {}).get("model_args")
        arguments = dict(given) if isinstance(given, Mapping) else {}
        classes = self.timm_config.get("num_classes")
        return ({} if classes is None else {"num_classes": classes}) | arguments

    @property
    def transformers_class(self) -> str | None:
        """The class of transformers, where the configuration names one."""
        names = (self.config or {}).get("architectures")
        return names[0] if isinstance(names, list) and names and isinstance(names[0], str) else None

    @property
    def labels(self) -> Any:
        """Names of the classes as they stand there: by index, or in order."""
        config = self.config or {}
        if isinstance(config.get("id2label"), Mapping) and not _numbered(config["id2label"]):
            return config["id2label"]
        own = self.timm_config
        names, said = own.get("label_names") or own.get("labels"), own.get("label_descriptions")
        if not isinstance(names, list):
            return None
        return [said.get(name, name) if isinstance(said, Mapping) else name for name in names]

    @property
    def labels_in_order(self) -> tuple[str, ...] | None:
        """The same as a list, where every class from 0 on has a name."""
        found = self.labels
        if isinstance(found, Mapping):
            keys = [str(index) for index in range(len(found))]
            found = [found[key] for key in keys] if all(key in found for key in keys) else None
        return tuple(map(str, found)) if found else None


def is_snapshot(path: Path) -> bool:
    """Whether it is a directory with a configuration or with weights."""
    return path.is_dir() and ((path / CONFIG).is_file() or bool(_weights(path)))


def open_snapshot(path: Path) -> Snapshot:
    """Raises ``InputError`` for a directory without weights, or a damaged configuration."""
    return Snapshot(path, weights_file(path), _object(path / CONFIG), _object(path / PROCESSOR))


def weights_file(path: Path) -> Path:
    """The file of weights in a directory. Raises ``InputError`` where there is none, or the choice is open."""
    found = _weights(path)
    if not found:
        split = sorted(path.glob("*.index.json"))
        if split:
            raise InputError(f"{split[0]}: the weights lie in several files; save them in one (max_shard_size)")
        raise InputError(f"{path}: no weights in it; {', '.join(_WEIGHTS[:2])} or one file of weights is expected")
    if len(found) > 1:
        raise InputError(f"{path}: several files of weights ({', '.join(file.name for file in found)}); name the one")
    return found[0]


def _weights(path: Path) -> list[Path]:
    for name in _WEIGHTS:
        if (path / name).is_file():
            return [path / name]
    return sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES and file.is_file())


def _object(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    data = read_json(path, _MAX_BYTES)
    if not isinstance(data, dict):
        raise InputError(f"{path}: a JSON object is expected")
    return data


def _numbered(names: Mapping[Any, Any]) -> bool:
    """Whether they are what transformers writes where nobody named the classes."""
    return all(str(value).upper() == f"LABEL_{key}" for key, value in names.items())
