# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""onnxruntime on the artifact's model.onnx."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdeploy.backends.base import Availability, Backend, LocalSession, PrepareOptions
from mdeploy.errors import InputError, UnavailableError, UnsupportedError, first_line
from mdeploy.tensors import Array

if TYPE_CHECKING:
    from mdeploy.formats.artifact import Artifact

__all__ = ["BACKEND", "OnnxRuntimeSession"]


class OnnxRuntimeSession(LocalSession):
    """A model on onnxruntime's CPU provider."""

    def __init__(self, model: Path, options: PrepareOptions) -> None:
        started = time.perf_counter()
        import onnxruntime

        session_options = onnxruntime.SessionOptions()
        session_options.log_severity_level = 4  # its errors reach us as exceptions; do not print them twice
        if options.threads:
            session_options.intra_op_num_threads = options.threads
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(model), session_options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise _explain(error, str(model)) from error
        self._name = str(model)
        self._inputs = [value.name for value in self._session.get_inputs()]
        super().__init__([model], started)

    def _compute(self, inputs: Sequence[Array]) -> list[Array]:
        if len(inputs) != len(self._inputs):
            raise InputError(f"{self._name}: {len(self._inputs)} inputs expected, {len(inputs)} given")
        try:
            outputs: list[Array] = self._session.run(None, dict(zip(self._inputs, inputs, strict=True)))
        except Exception as error:
            raise _explain(error, self._name) from error
        return outputs

    def close(self) -> None:
        """Release the session."""
        self._session = None


class OnnxRuntimeBackend(Backend):
    """See the module."""

    def availability(self) -> Availability:
        """Installed or not."""
        for distribution in ("onnxruntime", "onnxruntime-gpu"):
            try:
                return Availability(True, importlib.metadata.version(distribution))
            except importlib.metadata.PackageNotFoundError:
                continue
        return Availability(False, reason="the package onnxruntime is not installed", install="pip install onnxruntime")

    def prepare(self, artifact: Artifact, options: PrepareOptions) -> OnnxRuntimeSession:
        """Load model.onnx."""
        if artifact.model_onnx is None:
            raise UnavailableError(f"{artifact.path}: has no model.onnx (it was made from Caffe2 nets)")
        return OnnxRuntimeSession(artifact.model_onnx, options)


def _explain(error: Exception, name: str) -> Exception:
    # onnxruntime's exception classes are not exported by name; their class names are stable.
    kind = type(error).__name__
    message = first_line(error)
    if kind == "NotImplemented":
        return UnsupportedError(f"{name}: onnxruntime: {message}")
    if kind in ("InvalidGraph", "InvalidProtobuf", "InvalidArgument", "NoSuchFile", "Fail", "ModelLoadCanceled"):
        return InputError(f"{name}: onnxruntime: {message}")
    return error


BACKEND = OnnxRuntimeBackend("onnxruntime")
