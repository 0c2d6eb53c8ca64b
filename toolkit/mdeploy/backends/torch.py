# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""PyTorch on the model that was converted: the reference, where the source file is still there.

The manifest has the source's base name and SHA-256. A file found beside the artifact or in the current directory is
used only when its hash is the recorded one; a file given by name must have it.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdeploy.backends.base import Availability, Backend, LocalSession, PrepareOptions
from mdeploy.errors import InputError, UnavailableError, first_line
from mdeploy.tensors import Array

if TYPE_CHECKING:
    import torch

    from mdeploy.formats.artifact import Artifact

__all__ = ["BACKEND", "TorchSession", "find_source"]

_CODE_KINDS = ("torchscript", "exported_program")


class TorchSession(LocalSession):
    """A torch module in eval mode; nested outputs are flattened in order."""

    def __init__(self, module: torch.nn.Module, options: PrepareOptions, files: Sequence[Path], started: float) -> None:
        import torch

        if options.threads:
            torch.set_num_threads(options.threads)
        self._module: Any = module
        self._torch: Any = torch
        super().__init__(files, started)

    def _compute(self, inputs: Sequence[Array]) -> list[Array]:
        torch = self._torch
        with torch.inference_mode():
            result = self._module(*(torch.from_numpy(array.copy()) for array in inputs))
        return [tensor.detach().cpu().numpy() for tensor in _flatten(result)]

    @property
    def module(self) -> torch.nn.Module:
        """The module itself, to look inside."""
        module: torch.nn.Module = self._module
        return module

    def close(self) -> None:
        """Release the module."""
        self._module = None


class TorchBackend(Backend):
    """See the module."""

    def availability(self) -> Availability:
        """Installed or not; whether an artifact's source is there is known only in ``prepare``."""
        try:
            return Availability(True, importlib.metadata.version("torch"))
        except importlib.metadata.PackageNotFoundError:
            return Availability(False, reason="the package torch is not installed", install="pip install torch")

    def prepare(self, artifact: Artifact, options: PrepareOptions) -> TorchSession:
        """Load the source model. Raises ``UnavailableError`` when it is not there."""
        started = time.perf_counter()
        source = artifact.manifest.source
        if source.kind in ("onnx", "caffe2"):
            raise UnavailableError(f"the artifact was made from {source.file}, which PyTorch cannot run")
        if source.kind == "state_dict" and options.model is None:
            raise UnavailableError(
                f"the artifact was made from bare weights, {source.file}; to run their module, name its code again: "
                f"--model {source.model or 'FILE_OR_MODULE:FACTORY'}"
            )
        if source.kind in _CODE_KINDS and options.source is None:
            raise UnavailableError(f"the source {source.file} can hold code; name it by --source to run it again")
        path = find_source(artifact, options.source)
        module = _filled(artifact, path, options) if source.kind == "state_dict" else _load(source.kind, path)
        return TorchSession(module, options, [path], started)


def find_source(artifact: Artifact, given: Path | None) -> Path:
    """Return the file that the artifact was converted from, its hash checked.

    Raises ``InputError`` when ``given`` is missing or another file, ``UnavailableError`` when nothing was given and
    none was found.
    """
    from mdeploy.formats.artifact import file_sha256

    wanted = artifact.manifest.source
    if given is not None:
        if given.is_dir():
            from mdeploy.models.snapshot import weights_file

            given = weights_file(given)
        if not given.is_file():
            raise InputError(f"{given}: no such file")
        if file_sha256(given) != wanted.sha256:
            raise InputError(f"{given}: is not the model that {artifact.path} was converted from (SHA-256 differs)")
        return given
    changed = None
    for candidate in _candidates(artifact, wanted.file):
        if candidate.is_file():
            if file_sha256(candidate) == wanted.sha256:
                return candidate
            changed = candidate
    if changed is not None:
        raise UnavailableError(f"{changed} has changed since the conversion; its recorded outputs stand for it")
    raise UnavailableError(
        f"the source {wanted.file} is neither beside the artifact nor in the current directory (--source names it); "
        "its recorded outputs stand for it"
    )


def _candidates(artifact: Artifact, name: str) -> Iterator[Path]:
    base = Path(name).name  # a manifest must not lead anywhere else
    yield artifact.path / base
    yield artifact.path.resolve().parent / base
    yield Path.cwd() / base


def _filled(artifact: Artifact, path: Path, options: PrepareOptions) -> torch.nn.Module:
    """The user's own module with the weights of the source. Only code that was named for this run is run."""
    from mdeploy.models.factory import filled_module
    from mdeploy.models.weights import find_weights, load_plain

    source = artifact.manifest.source
    assert options.model is not None
    arguments = options.model_arguments if options.model_arguments is not None else source.arguments or {}
    weights = find_weights(path, load_plain(path), source.weights_key)
    module, _ = filled_module(options.model, arguments, weights.tensors, str(path), path.parent)
    return module.float().eval()


def _load(kind: str, path: Path) -> torch.nn.Module:
    import torch

    if kind == "checkpoint":
        from mdeploy.formats import checkpoint

        return checkpoint.build_model(checkpoint.load(path))
    try:
        if kind == "torchscript":
            scripted: torch.nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
            return scripted.eval()
        return torch.export.load(str(path)).module()
    except Exception as error:
        raise InputError(f"{path}: PyTorch cannot load it: {first_line(error)}") from error


def _flatten(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, (list, tuple)) or not hasattr(value, "detach"):
        for item in value:
            yield from _flatten(item)
    else:
        yield value


BACKEND = TorchBackend("torch")
