# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Runs an ONNX model on onnxruntime without its own graph optimisations, as the plain meaning of the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
import onnx

from mdeploy.errors import InputError, UnsupportedError

__all__ = ["Array", "PlainSession"]

Array = npt.NDArray[Any]


class PlainSession:
    """A loaded model. Inputs and outputs go by position."""

    def __init__(self, model: onnx.ModelProto | bytes, where: str = "the ONNX model") -> None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        data = model if isinstance(model, bytes) else model.SerializeToString()
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            kind = type(error).__name__
            wrapped = UnsupportedError if kind == "NotImplemented" else InputError
            raise wrapped(f"{where}: onnxruntime cannot load it: {_first_line(error)}") from error
        self._where = where
        self._inputs = [item.name for item in self._session.get_inputs()]
        self.output_names = [item.name for item in self._session.get_outputs()]

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once. Raises ``InputError`` where the model and its inputs do not go together."""
        try:
            outputs: list[Array] = self._session.run(None, dict(zip(self._inputs, inputs, strict=True)))
        except Exception as error:
            raise InputError(f"{self._where}: onnxruntime cannot run it: {_first_line(error)}") from error
        return outputs


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
