# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What kind of file a source is, and which flags it needs: found out in milliseconds, without torch.

Nothing of the file is loaded or run. What this cannot tell is left to ``open_source``.
"""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path

from mdeploy.conversion.sources.base import SourceOptions
from mdeploy.errors import InputError, UsageError
from mdeploy.files import reading
from mdeploy.models.file_kinds import foreign_kind, is_pickle, is_safetensors, is_zip
from mdeploy.models.libraries import is_of_a_library
from mdeploy.models.snapshot import is_snapshot

__all__ = ["check_source", "kind_of", "missing_flags"]

_CHECKPOINT = "mdeploy-checkpoint"
_MAX_PICKLE_BYTES = 16 << 20

_REMEDIES = {
    "model": "what makes the module: --model FILE_OR_MODULE:FACTORY",
    "input_shapes": "what goes in: --input-shape 1,3,224,224 or what fits",
}
_NEEDED = {"state_dict": ("model", "input_shapes"), "torchscript": ("input_shapes",)}
_CALLED = {"state_dict": "holds weights only", "torchscript": "is TorchScript, which does not say what goes in"}


def kind_of(path: Path) -> str:
    """``torchscript``, ``exported_program``, ``pickled`` (or safetensors), ``snapshot`` (a directory with weights), or
    ``onnx``, which stands for all else.

    Raises ``InputError`` for what is missing, empty, a directory of something else, or a damaged archive.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        if is_snapshot(path):
            return "snapshot"
        raise InputError(
            f"{path}: is a directory; convert takes a model file, a Caffe2 net pair, or a directory with config.json "
            "and weights"
        )
    with reading(path) as file:
        if not file.read(1):
            raise InputError(f"{path}: is empty")
    if is_pickle(path) or is_safetensors(path):
        return "pickled"
    if not is_zip(path):
        kind = foreign_kind(path)
        if kind is not None:
            raise InputError(f"{path}: is {kind}")
        return "onnx"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{path}: truncated or damaged archive: {error}") from error
    # All of torch's newer formats are zip archives, told apart by the names inside.
    inner = [name.partition("/")[2] for name in names]
    if any(name.startswith("code/") for name in inner) or "constants.pkl" in inner:
        return "torchscript"
    if any("serialized_exported_program" in name or name.startswith("models/") for name in [*names, *inner]):
        return "exported_program"
    if not any(name.endswith("data.pkl") for name in inner):
        held = ", ".join(names[:3]) + (" and more" if len(names) > 3 else "") or "nothing"
        raise InputError(f"{path}: is a zip archive that torch.save did not write; it holds {held}")
    return "pickled"


def check_source(path: Path, options: SourceOptions) -> None:
    """Refuse what is no file, and a source whose flags are missing, before anything slow is done."""
    kind = kind_of(path)
    if kind == "pickled" and (is_safetensors(path) or _holds_weights_only(path)):
        kind = "state_dict"
    missing_flags(path, kind, options)


def missing_flags(path: Path, kind: str, options: SourceOptions) -> None:
    """Raise ``UsageError`` with every flag that a source of this kind needs and does not have."""
    needed = [name for name in _NEEDED.get(kind, ()) if name != "input_shapes" or not _brings_shape(options.model)]
    missing = [_REMEDIES[name] for name in needed if not getattr(options, name)]
    if missing:
        raise UsageError(f"{path} {_CALLED[kind]}; say {', and '.join(missing)}")


def _brings_shape(model: str | None) -> bool:
    """Whether the library of ``--model`` says what goes in; it is asked when the model is made."""
    return model is not None and is_of_a_library(model)


def _holds_weights_only(path: Path) -> bool:
    """Whether the pickle in an archive names nothing but what tensors are made of, and is no checkpoint of ours."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.partition("/")[2] == "data.pkl")
            if archive.getinfo(name).file_size > _MAX_PICKLE_BYTES:
                return False
            named, texts = set(), set()
            for code, argument, _ in pickletools.genops(archive.read(name)):
                if code.name == "GLOBAL":
                    named.add(str(argument))
                elif code.name in ("BINUNICODE", "SHORT_BINUNICODE"):
                    texts.add(str(argument))
    except (StopIteration, zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    if not any(item.startswith("torch._utils _rebuild") for item in named):
        return False
    plain = ("torch", "collections")
    return not any(_CHECKPOINT in text for text in texts) and all(
        item.partition(".")[0].partition(" ")[0] in plain for item in named
    )
