# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The artifact directory: the one thing that every verb reads or writes.

::

    mdeploy-out/
      manifest.json                       what it is, and the size and SHA-256 of every other file
      model.onnx                          the graph the nets were made from (absent for old Caffe2 nets)
      init_net.pb  predict_net.pb         the nets
      golden/CASE/{input_N,output_N}.npy  what the model answered, by position

Artifacts come from elsewhere and are not trusted: paths stay inside the directory, hashes are checked, arrays are
read without pickle and only with the shapes the manifest declares.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from mdeploy.errors import InputError, first_line
from mdeploy.files import reading
from mdeploy.formats import whole_directory
from mdeploy.formats.json_text import read_json
from mdeploy.formats.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    FileEntry,
    GoldenEntry,
    InputSpec,
    Manifest,
    OutputSpec,
    PassRecord,
    Resize,
    Source,
    manifest_schema,
)
from mdeploy.tensors import Array

if TYPE_CHECKING:
    from mdeploy.caffe2.pair import NetPair

__all__ = [
    "DEFAULT_ARTIFACT",
    "Artifact",
    "ArtifactWriter",
    "FileEntry",
    "GoldenCase",
    "GoldenEntry",
    "InputSpec",
    "Manifest",
    "OutputSpec",
    "PassRecord",
    "Resize",
    "Source",
    "file_sha256",
    "manifest_schema",
    "read_npy",
]

DEFAULT_ARTIFACT = Path("mdeploy-out")
"""Where ``convert`` writes, and what every other verb reads, when nothing else is said."""

MANIFEST_FILE = "manifest.json"
MODEL_ONNX = "model.onnx"
INIT_NET = "init_net.pb"
PREDICT_NET = "predict_net.pb"

_NOT_OF_ANYBODY = {".DS_Store"}  # which macOS puts into every folder that is looked at


@dataclass(frozen=True)
class GoldenCase:
    """Inputs by position, and the outputs that the reference gave for them."""

    case: str
    kind: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    added: bool = False
    """By conversion, so that more weights are reached."""


@dataclass(frozen=True)
class Artifact:
    """An artifact directory that was opened and found whole."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path | str = DEFAULT_ARTIFACT, verify: bool = True) -> Artifact:
        """Open an artifact. With ``verify`` every file's SHA-256 is checked, otherwise only presence and size.

        Raises ``InputError`` naming the file at fault.
        """
        root = Path(path)
        if not root.exists() and not whole_directory.recover(root.resolve()):
            hint = "; run `mdeploy convert` first" if root == DEFAULT_ARTIFACT else ""
            raise InputError(f"{root}: no such artifact{hint}")
        manifest_path = root / MANIFEST_FILE
        if _is_bare_net(root):
            raise InputError(
                f"{root}: bare Caffe2 nets, not an artifact; make one: mdeploy convert {root} --input-shape 1,3,224,224"
            )
        if not root.is_dir():
            raise InputError(f"{root}: an artifact is a directory, this is a file")
        if not os.path.lexists(manifest_path):
            raise InputError(f"{manifest_path}: missing; {root} is not an artifact")
        manifest = Manifest.read(manifest_path)
        artifact = cls(root, manifest)
        for required in (INIT_NET, PREDICT_NET):
            if required not in manifest.files:
                raise InputError(f"{manifest_path}: files: {required} is not listed")
        for name, entry in manifest.files.items():
            artifact._check_file(name, entry, verify)
        return artifact

    @property
    def name(self) -> str:
        """The model's name, which names packages and reports too."""
        return self.manifest.name

    @property
    def model_onnx(self) -> Path | None:
        """The ONNX file, or None for an artifact made from old Caffe2 nets."""
        return self.path / MODEL_ONNX if MODEL_ONNX in self.manifest.files else None

    @property
    def init_net(self) -> Path:
        """The net that fills the weights."""
        return self.path / INIT_NET

    @property
    def predict_net(self) -> Path:
        """The net that computes."""
        return self.path / PREDICT_NET

    @property
    def nets(self) -> NetPair:
        """Both nets."""
        from mdeploy.caffe2.pair import NetPair  # protobuf, which most callers do without

        return NetPair(self.init_net, self.predict_net)

    @property
    def manifest_path(self) -> Path:
        """manifest.json itself."""
        return self.path / MANIFEST_FILE

    def golden_cases(self) -> list[GoldenCase]:
        """Load every golden case, in the manifest's order. Shapes and dtypes are those of the manifest."""
        return [
            GoldenCase(
                entry.case,
                entry.kind,
                tuple(self._golden(entry.case, "input", i, spec) for i, spec in enumerate(self.manifest.inputs)),
                tuple(self._golden(entry.case, "output", i, spec) for i, spec in enumerate(self.manifest.outputs)),
                entry.made is not None,
            )
            for entry in self.manifest.golden
        ]

    def _golden(self, case: str, role: str, index: int, spec: InputSpec | OutputSpec) -> Array:
        name = golden_path(case, role, index)
        if name not in self.manifest.files:
            raise InputError(f"{self.manifest_path}: files: {name} of golden case {case!r} is not listed")
        return read_npy(self.path / name, shape=spec.shape, dtype=spec.dtype)

    def _check_file(self, name: str, entry: FileEntry, verify: bool) -> None:
        path = self.path / name
        # The schema refuses '..' and absolute names; a symbolic link could still lead outside.
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise InputError(f"{path}: leads outside of the artifact")
        if not path.is_file():
            raise InputError(f"{path}: missing, though {MANIFEST_FILE} lists it; convert again")
        size = path.stat().st_size
        if size != entry.bytes:
            raise InputError(f"{path}: {size} bytes where {MANIFEST_FILE} says {entry.bytes}; corrupt or changed")
        if verify and file_sha256(path) != entry.sha256:
            raise InputError(f"{path}: SHA-256 differs from {MANIFEST_FILE}; corrupt or changed since conversion")


class ArtifactWriter:
    """Writes an artifact beside its place and swaps it in whole.

    ::

        with ArtifactWriter("mdeploy-out") as writer:      # refuses early what it may not replace
            writer.add_file("model.onnx", data)
            writer.add_golden(GoldenEntry("zeros", "zeros"), inputs, outputs)
            artifact = writer.finish(manifest)             # hashes and golden entries are filled in here

    Leaving the block without ``finish``, by an error, an interrupt or a kill, leaves the old artifact or none. A
    directory that has no manifest of ours is never replaced, nor is one with a file that its manifest does not list.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._target = self.path.resolve()
        self._temporary: Path | None = None
        self._lock = -1
        self._files: dict[str, FileEntry] = {}
        self._golden: list[GoldenEntry] = []

    def __enter__(self) -> ArtifactWriter:
        whole_directory.recover(self._target)
        self._refuse_foreign_target()
        with _writing(self.path):
            self._target.parent.mkdir(parents=True, exist_ok=True)
            whole_directory.clean(self._target, self._refuse_leftover)
            self._temporary, self._lock = whole_directory.make_beside(self._target)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def add_file(self, name: str, data: bytes) -> None:
        """Write one file, by its path inside the artifact with forward slashes."""
        self._write(name, data)
        self._files[name] = FileEntry(len(data), hashlib.sha256(data).hexdigest())

    def add_golden(self, entry: GoldenEntry, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        """Write one golden case as .npy files, version 1, C order."""
        for role, arrays in (("input", inputs), ("output", outputs)):
            for index, array in enumerate(arrays):
                self.add_file(golden_path(entry.case, role, index), npy_bytes(array))
        self._golden.append(entry)

    def finish(self, manifest: Manifest, golden: Sequence[GoldenEntry] | None = None) -> Artifact:
        """Fill in files and golden entries, write the manifest, and swap the whole into place.

        ``golden`` takes the place of the entries that were added, where their files were added one by one.
        """
        assert self._temporary is not None, "finish() inside the with block, once"
        complete = replace(
            manifest, files=dict(sorted(self._files.items())), golden=tuple(self._golden if golden is None else golden)
        )
        self._write(MANIFEST_FILE, complete.to_text().encode())
        self._refuse_foreign_target()  # it may have changed while we worked
        with _writing(self.path):
            whole_directory.swap(self._temporary, self._target, self._refuse_unlisted)
        self._temporary = None
        return Artifact(self.path, complete)

    def _refuse_foreign_target(self) -> None:
        if not self._target.exists():
            return
        if not self._target.is_dir():
            raise InputError(f"{self.path}: exists and is not a directory; choose another -o")
        try:
            if not any(self._target.iterdir()):
                return
            ours = MANIFEST.is_ours(read_json(self._target / MANIFEST_FILE, MAX_MANIFEST_BYTES))
        except (InputError, OSError):
            ours = False
        if not ours:
            raise InputError(
                f"{self.path}: is not empty and holds no artifact of ours; not replaced, choose another -o"
            )
        self._refuse_unlisted(self._target)

    def _refuse_unlisted(self, folder: Path) -> None:
        unlisted = _unlisted(folder)
        if unlisted:
            more = f" and {len(unlisted) - 3} more" if len(unlisted) > 3 else ""
            raise InputError(
                f"{self.path}: holds {', '.join(unlisted[:3])}{more}, which its {MANIFEST_FILE} does not list; "
                "not replaced, move that away or choose another -o"
            )

    def _refuse_leftover(self, folder: Path) -> None:
        """Like ``_refuse_unlisted``, for what a killed run left: its manifest may be cut off."""
        try:
            read_json(folder / MANIFEST_FILE, MAX_MANIFEST_BYTES)
        except InputError:
            return
        self._refuse_unlisted(folder)

    def _write(self, name: str, data: bytes) -> None:
        assert self._temporary is not None, "add files inside the with block"
        path = self._temporary / name
        with _writing(self.path / name):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())


def _unlisted(folder: Path) -> list[str]:
    """Files of a directory that its manifest does not list, by their paths in it: not ours to delete.

    Without a manifest there are none: such a directory was being written when its process was killed.
    """
    if not (folder / MANIFEST_FILE).exists():
        return []
    data = read_json(folder / MANIFEST_FILE, MAX_MANIFEST_BYTES)
    files = data.get("files") if isinstance(data, dict) else None
    listed = files if isinstance(files, dict) else {}
    found = []
    for path in folder.rglob("*"):  # which does not follow links
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        if name != MANIFEST_FILE and name not in listed and path.name not in _NOT_OF_ANYBODY:
            found.append(name)
    return sorted(found)


def _is_bare_net(path: Path) -> bool:
    """Whether somebody gave nets, as Caffe2 writes them, where an artifact is wanted."""
    if path.is_file():
        return path.suffix in (".pb", ".pbtxt")
    names = (PREDICT_NET, f"{PREDICT_NET}txt")
    return not (path / MANIFEST_FILE).exists() and any((path / name).is_file() for name in names)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn an OSError into one line that names the place."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def golden_path(case: str, role: str, index: int) -> str:
    """Path of a golden array inside an artifact; ``role`` is input or output."""
    return f"golden/{case}/{role}_{index}.npy"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, lower-case hex."""
    digest = hashlib.sha256()
    with reading(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def npy_bytes(array: Array) -> bytes:
    """An array as the bytes of a .npy file, version 1, C order, little endian."""
    stream = BytesIO()
    little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    np.lib.format.write_array(stream, little, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def read_npy(path: Path, shape: tuple[int, ...] | None = None, dtype: str | None = None) -> Array:
    """Read a .npy file without pickle.

    Given ``shape`` and ``dtype``, the header is compared before anything is allocated. Raises ``InputError``.
    """
    try:
        with reading(path) as file:
            version = np.lib.format.read_magic(file)
            if version == (1, 0):
                found_shape, fortran, found_dtype = np.lib.format.read_array_header_1_0(file)
            else:
                found_shape, fortran, found_dtype = np.lib.format.read_array_header_2_0(file)
            if found_dtype.hasobject:
                raise InputError(f"{path}: holds Python objects; refused")
            if shape is not None and found_shape != shape:
                raise InputError(f"{path}: shape {list(found_shape)} where {list(shape)} is expected")
            if dtype is not None and found_dtype != np.dtype(dtype):
                raise InputError(f"{path}: dtype {found_dtype} where {dtype} is expected")
            expected = math.prod(found_shape) * found_dtype.itemsize
            if min(found_shape, default=0) < 0 or path.stat().st_size - file.tell() != expected:
                raise InputError(f"{path}: truncated, or longer than its header says")
            data = file.read()
    except InputError:
        raise
    except Exception as error:  # numpy parses the header text by several means, each with its own errors
        raise InputError(f"{path}: not a .npy file: {first_line(error)}") from error
    array = np.frombuffer(data, dtype=found_dtype).reshape(found_shape, order="F" if fortran else "C")
    return array.astype(found_dtype.newbyteorder("="), order="C")
