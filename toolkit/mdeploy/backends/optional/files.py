# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""An optional backend's files of a model: those in the artifact, else made once and kept in the user's cache."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mdeploy.backends.optional.environment import Home, find_home, how_to_install, why_missing
from mdeploy.backends.optional.module import NetSpec
from mdeploy.backends.optional.process import OptionalProcess
from mdeploy.backends.table import CONVERTED, BackendInfo, info_of
from mdeploy.errors import InputError, UnavailableError, UnsupportedError, UsageError
from mdeploy.files import cache_folder

if TYPE_CHECKING:
    from mdeploy.formats.artifact import Artifact
    from mdeploy.formats.manifest import Manifest

__all__ = ["artifact_files", "find_files", "make_contents", "make_files", "maker", "net_spec", "select_makers"]

_KEPT = 64  # models in the cache; the ones made longest ago go first


def net_spec(manifest: Manifest) -> NetSpec:
    """What the backends need to know of the net."""
    return NetSpec(manifest.inputs, manifest.outputs)


def maker(info: BackendInfo) -> Home:
    """The Python that can make a backend's files. Raises ``UnavailableError`` with the remedy."""
    home = find_home(info, info.make)
    if home is None:
        reason = why_missing(info, info.make)
        raise UnavailableError(
            f"{info.title} files cannot be made: {reason}; get it with: {how_to_install(info, info.make)}"
        )
    return home


def artifact_files(info: BackendInfo, manifest: Manifest) -> dict[str, int]:
    """The backend's files that an artifact lists, with their sizes; empty where it has none."""
    return {name: entry.bytes for name, entry in manifest.files.items() if name.startswith(f"{info.name}/")}


def find_files(info: BackendInfo, artifact: Artifact, made_only: bool = False) -> Path:
    """The folder with the backend's files for this model, made if need be; with ``made_only`` not even then.

    Raises ``UnavailableError`` when they would have to be made and cannot: something is missing, or the model has
    something that the converter does not take.
    """
    if artifact_files(info, artifact.manifest):
        return artifact.path / info.name
    model = artifact.model_onnx
    if model is None:
        raise UnavailableError(f"{artifact.path}: has no model.onnx to make it from (it was made from Caffe2 nets)")
    home = maker(info)
    key = "|".join(
        (artifact.manifest.files[model.name].sha256, *(f"{k} {v}" for k, v in sorted(home.versions.items())))
    )
    cache = _cache()
    place = cache / f"{info.name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    if not place.is_dir() and made_only:
        raise UnavailableError(f"its files are not made yet; --backends {info.name} or --backends all makes them")
    if not place.is_dir():
        temporary = cache / f".partial-{secrets.token_hex(8)}"
        try:
            make_files(info, home, model, temporary, net_spec(artifact.manifest))
            with contextlib.suppress(OSError):  # another process was faster: its files are as good
                temporary.rename(place)
        except (InputError, UnsupportedError) as error:  # the model is fine; this backend cannot run it
            raise UnavailableError(f"no file can be made of this model: {error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _prune(cache)
    return place


def make_files(info: BackendInfo, home: Home, model: Path, folder: Path, spec: NetSpec) -> dict[str, str]:
    """Make the backend's files in a new folder and return the versions of what made them."""
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    with OptionalProcess(info, home) as process:
        process.make(model.resolve(), folder.resolve(), spec)
    if not any(path.is_file() for path in folder.rglob("*")):
        raise InputError(f"{info.title}: its converter wrote nothing")
    return home.versions


def select_makers(names: Sequence[str]) -> list[tuple[BackendInfo, Home]]:
    """The backends asked for with what makes their files; an error says how to get every one that is missing."""
    unknown = [name for name in names if name not in CONVERTED]
    if unknown:
        raise UsageError(f"--also: no files are made for {', '.join(unknown)}, only for {', '.join(CONVERTED)}")
    found, missing = [], []
    for name in dict.fromkeys(names):
        info = info_of(name)
        try:
            found.append((info, maker(info)))
        except UnavailableError as error:
            missing.append(str(error))
    if missing:
        raise UnavailableError("; ".join(missing))
    return found


def make_contents(info: BackendInfo, home: Home, model: bytes, spec: NetSpec) -> dict[str, bytes]:
    """Make the backend's files of model.onnx and return them by their path in an artifact."""
    with tempfile.TemporaryDirectory() as place:
        source, folder = Path(place) / "model.onnx", Path(place) / info.name
        source.write_bytes(model)
        make_files(info, home, source, folder, spec)
        made = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(place).as_posix(): path.read_bytes() for path in made}


def _cache() -> Path:
    folder = cache_folder("extras")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    return folder


def _prune(cache: Path) -> None:
    made = sorted((path for path in cache.iterdir() if not path.name.startswith(".")), key=lambda p: p.stat().st_mtime)
    for path in made[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)
