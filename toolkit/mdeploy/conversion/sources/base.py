# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What every kind of source gives: a module or a graph, and what is known about its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdeploy.formats.manifest import InputSpec, Source

if TYPE_CHECKING:
    import onnx_ir as ir
    import torch

__all__ = ["LoadedSource", "SourceOptions", "batch_message", "image_spec"]


@dataclass(frozen=True)
class SourceOptions:
    """What the user says about a model that the file itself does not."""

    model: str | None = None
    """FILE_OR_MODULE:FACTORY that makes the module of a state_dict."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the factory."""
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes by input name; the name "" stands for the only input."""
    weights_key: str | None = None
    """Which set of weights to take from a file with several, such as state_dict_ema."""


@dataclass(frozen=True)
class LoadedSource:
    """A model to convert. Exactly one of ``module`` and ``graph`` is given."""

    path: Path
    source: Source
    inputs: tuple[InputSpec, ...]
    """In the order of the call. Empty for a graph, which declares its own."""
    module: torch.nn.Module | torch.export.ExportedProgram | None = None
    graph: ir.Model | None = None
    meanings: tuple[str, ...] = ()
    """Of the outputs, as far as the source says."""
    labels: tuple[str, ...] | None = None
    messages: tuple[str, ...] = ()


def image_spec(name: str, shape: tuple[int, ...], dtype: str = "float32") -> InputSpec:
    """An input that nothing is known about but its shape: an image where it looks like one, in RGB, 0 to 1."""
    if len(shape) == 4 and dtype == "float32":
        for layout, channels in (("NCHW", shape[1]), ("NHWC", shape[3])):
            if channels in (1, 3):
                return InputSpec(name, shape, dtype, layout, "rgb" if channels == 3 else "gray")
    return InputSpec(name, shape, dtype)


def batch_message(name: str) -> str:
    """What to say where a batch was open: a net for a phone has fixed shapes."""
    return f"input {name}: its batch was open and is now 1; --input-shape fixes another"
