# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What the module of an optional backend gives. Imported on both ends of the pipe, so it needs nothing but NumPy."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mdeploy.backends.table import info_of
from mdeploy.tensors import TensorSpec

__all__ = ["NetSpec", "OptionalModule", "Run", "module_of", "shaped"]

Run = Callable[[Sequence[Any]], Sequence[Any]]
"""Inputs by position -> outputs by position, NumPy arrays."""


@dataclass(frozen=True)
class NetSpec:
    """The net's inputs and outputs by position, named as in model.onnx."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""

        def write(specs: Sequence[TensorSpec]) -> list[dict[str, Any]]:
            return [{"name": spec.name, "shape": spec.shape, "dtype": spec.dtype} for spec in specs]

        return {"inputs": write(self.inputs), "outputs": write(self.outputs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NetSpec:
        """The other end."""

        def read(items: Sequence[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
            return tuple(TensorSpec(item["name"], tuple(item["shape"]), item["dtype"]) for item in items)

        return cls(read(data["inputs"]), read(data["outputs"]))


class Make(Protocol):
    """Writes ``folder/FILES`` from model.onnx."""

    def __call__(self, model: Path, folder: Path, spec: NetSpec) -> None: ...


class Load(Protocol):
    """Loads ``folder/FILES``; 0 threads leave the choice to the runtime. Keeps float32 throughout."""

    def __call__(self, folder: Path, spec: NetSpec, threads: int) -> Run: ...


class OptionalModule(Protocol):
    """The module itself: two functions. One that only other systems can load has no ``load``."""

    make: Make
    load: Load


def module_of(name: str) -> OptionalModule:
    """The module of an optional backend. Importing it imports no runtime."""
    module: Any = importlib.import_module(f"mdeploy.backends.{info_of(name).module}")
    return module  # type: ignore[no-any-return]


def shaped(outputs: Sequence[Any], spec: NetSpec) -> list[Any]:
    """Outputs in the declared shapes: some runtimes drop the batch or a 1."""
    return [array.reshape(info.shape) for array, info in zip(outputs, spec.outputs, strict=True)]
