# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Runs an ONNX model on onnxruntime without its own graph optimisations, as the plain meaning of the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from mdeploy.errors import InputError, UnsupportedError, first_line
from mdeploy.onnx.light import proto_with_weights_outside
from mdeploy.tensors import Array

__all__ = ["PlainSession"]

_CASTS: dict[str, type[np.floating[Any]]] = {"tensor(float16)": np.float16, "tensor(double)": np.float64}


class PlainSession:
    """A loaded model. Inputs and outputs go by position."""

    def __init__(self, model: ir.Model | onnx.ModelProto, where: str = "the ONNX model") -> None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        options.add_session_config_entry("session.disable_prepacking", "1")
        # The session reads the weights where they are, so they live as long as it does.
        self._weights: list[Any] = []
        if isinstance(model, ir.Model):
            data, arrays = proto_with_weights_outside(model)
            self._weights = [_contiguous(array) for array in arrays.values()]
            values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in self._weights]
            self._weights.extend(values)
            options.add_external_initializers(list(arrays), values)
        else:
            data = model.SerializeToString()
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            wrapped = UnsupportedError if type(error).__name__ == "NotImplemented" else InputError
            raise wrapped(f"{where}: onnxruntime cannot load it: {first_line(error)}") from error
        self._where = where
        self._inputs = [(item.name, _CASTS.get(item.type)) for item in self._session.get_inputs()]
        self.output_names = [item.name for item in self._session.get_outputs()]

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once. float32 inputs are cast where the model wants half or double precision.

        Raises ``InputError`` where the model and its inputs do not go together.
        """
        feeds = {
            name: array if dtype is None else array.astype(dtype)
            for (name, dtype), array in zip(self._inputs, inputs, strict=True)
        }
        try:
            outputs: list[Array] = self._session.run(None, feeds)
        except Exception as error:
            raise InputError(f"{self._where}: onnxruntime cannot run it: {first_line(error)}") from error
        return outputs


def _contiguous(array: Array) -> Array:
    return np.asarray(array, order="C")
