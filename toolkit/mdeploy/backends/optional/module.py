# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What an extra runtime says about itself. Imported on both ends of the pipe, so it needs nothing but NumPy."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mdeploy.tensors import TensorSpec

__all__ = ["EXTRAS", "Engine", "NetSpec", "Run", "engine_of", "shaped"]

EXTRAS = ("openvino", "ncnn", "mnn", "litert", "executorch", "coreml")
"""Modules of mdeploy.backends with an object called ``ENGINE``. Core ML's cannot run here, only be made."""

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


@dataclass(frozen=True)
class Engine:
    """One extra. ``run`` and ``make`` are the packages, by distribution name, that each of the two needs."""

    name: str
    title: str
    make: tuple[str, ...]
    maker: Make
    run: tuple[str, ...] = ()
    loader: Load | None = None
    environment: str = "peers"
    """Folder in the cache that ``mdeploy doctor --install`` puts it into; those that get on share one."""
    heavy: bool = False
    """Its maker brings gigabytes, or other versions of what we use: better not into this environment."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Everything it needs."""
        return tuple(dict.fromkeys((*self.run, *self.make)))


def engine_of(name: str) -> Engine:
    """The engine of an extra."""
    engine = importlib.import_module(f"mdeploy.backends.optional.{name}").ENGINE
    assert isinstance(engine, Engine)
    return engine


def shaped(outputs: Sequence[Any], spec: NetSpec) -> list[Any]:
    """Outputs in the declared shapes: some runtimes drop the batch or a 1."""
    return [array.reshape(info.shape) for array, info in zip(outputs, spec.outputs, strict=True)]
