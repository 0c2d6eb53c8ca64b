# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""PyTorch module -> ONNX, by either of torch's exporters."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx
import onnx_ir as ir
import torch

from mdeploy.errors import UnsupportedError, named_line
from mdeploy.onnx.silence import silent_output

__all__ = ["EXPORTERS", "Export", "export", "quiet_torch"]

EXPORTERS = ("auto", "dynamo", "torchscript")

# The newest opset that the TorchScript exporter writes without falling back on custom operators.
_TORCHSCRIPT_OPSET = 17


@dataclass(frozen=True)
class Export:
    """An ONNX model, the exporter that made it, and why the other one did not where both were tried."""

    model: ir.Model
    exporter: str
    message: str | None = None


def export(
    module: torch.nn.Module | torch.export.ExportedProgram,
    inputs: Sequence[torch.Tensor],
    input_names: Sequence[str],
    exporter: str = "auto",
) -> Export:
    """Export a module in eval mode for inputs of fixed shapes.

    ``auto`` takes the dynamo exporter, which keeps structure that TorchScript's tracer loses and needs half of its
    memory, and falls back on TorchScript with a message. Raises ``UnsupportedError`` when none works.
    """
    if exporter == "torchscript" and isinstance(module, torch.export.ExportedProgram):
        raise UnsupportedError("a .pt2 program is exported by dynamo only; leave --exporter out")
    script = isinstance(module, torch.jit.ScriptModule)
    if exporter == "dynamo" or (exporter == "auto" and not script):
        try:
            return Export(_named(_dynamo(module, inputs, input_names)), "dynamo")
        except Exception as error:  # the exporters raise whatever the traced code or their passes raise
            if exporter == "dynamo" or isinstance(module, torch.export.ExportedProgram):
                raise UnsupportedError(f"torch's dynamo exporter failed: {_reason(error)}") from error
            message = f"torch's dynamo exporter failed ({_reason(error)}); the TorchScript exporter was used"
    else:
        message = None
    assert isinstance(module, torch.nn.Module)
    try:
        return Export(_named(_torchscript(module, inputs, input_names)), "torchscript", message)
    except Exception as error:
        also = f"; before that, {message.split(';')[0]}" if message else ""
        raise UnsupportedError(f"torch's TorchScript exporter failed: {_reason(error)}{also}") from error


def _dynamo(
    module: torch.nn.Module | torch.export.ExportedProgram, inputs: Sequence[torch.Tensor], input_names: Sequence[str]
) -> ir.Model:
    with quiet_torch(), torch.no_grad():
        program = torch.onnx.export(
            module, tuple(inputs), dynamo=True, input_names=list(input_names), verbose=False, external_data=False
        )
        assert program is not None
    model: ir.Model = program.model
    return model


def _torchscript(module: torch.nn.Module, inputs: Sequence[torch.Tensor], input_names: Sequence[str]) -> ir.Model:
    stream = io.BytesIO()
    with quiet_torch(), silent_output(), torch.no_grad():
        torch.onnx.export(
            module,
            tuple(inputs),
            stream,  # type: ignore[arg-type] # streams are taken, the annotation says paths
            dynamo=False,
            input_names=list(input_names),
            opset_version=_TORCHSCRIPT_OPSET,
        )
    return ir.from_proto(onnx.load_from_string(stream.getvalue()))


def _named(model: ir.Model) -> ir.Model:
    """Call the outputs ``output``, or ``output_0`` and on: the exporters name them after their last operator."""
    outputs = model.graph.outputs
    names = ["output"] if len(outputs) == 1 else [f"output_{index}" for index in range(len(outputs))]
    for value in (value for node in model.graph for value in node.outputs):
        if value.name in names:
            value.name = f"{value.name}_inner"
    for value, name in zip(outputs, names, strict=True):
        if not value.is_graph_input():
            value.name = name
    return model


@contextlib.contextmanager
def quiet_torch() -> Iterator[None]:
    """torch's exporters and loaders print, log and warn about what the checks afterwards decide."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _reason(error: BaseException) -> str:
    """The innermost cause, on one line: the outer ones are advice for the exporter's own developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    return named_line(error)
