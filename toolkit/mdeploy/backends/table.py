# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The one table of backends. Every list of their names, titles and packages comes from here.

Imports nothing but the standard library: the command line asks it for names before anything else is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BACKENDS", "CONVERTED", "BackendInfo", "info_of"]


@dataclass(frozen=True)
class BackendInfo:
    """One backend. Packages go by the names of their distributions."""

    name: str
    title: str
    module: str
    """Below ``mdeploy.backends``: it has an object ``BACKEND``, or the functions ``make`` and ``load`` of an optional
    backend that runs files of its own."""
    optional: bool = True
    """Whether the main job does without it."""
    run: tuple[str, ...] = ()
    """Packages that run its files; the first one's version is the backend's."""
    make: tuple[str, ...] = ()
    """Packages that make its files of model.onnx; the first one's version goes into the manifest. None where it runs
    what every artifact has."""
    environment: str = "peers"
    """Folder in the cache that ``mdeploy doctor --install`` puts those packages into; those that get on share one."""
    only_on: str = ""
    """The systems that can run its files, where that is not what we run on."""
    heavy: bool = False
    """``make`` brings gigabytes, or other versions of what we use: better not into this environment."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Everything that running and making needs."""
        return tuple(dict.fromkeys((*self.run, *self.make)))


_TABLE = (
    BackendInfo("torch", "PyTorch", "torch", optional=False, run=("torch",)),
    BackendInfo("onnxruntime", "onnxruntime", "onnxruntime", optional=False, run=("onnxruntime",)),
    BackendInfo("mdeploy", "mdeploy runtime", "mdeploy", optional=False, run=("mdeploy",)),
    BackendInfo("caffe2", "Caffe2", "caffe2.backend", run=("torch",), environment="caffe2"),
    BackendInfo("openvino", "OpenVINO", "optional.openvino", run=("openvino",), make=("openvino",)),
    BackendInfo("ncnn", "ncnn", "optional.ncnn", run=("ncnn",), make=("pnnx", "torch", "onnx")),
    BackendInfo("mnn", "MNN", "optional.mnn", run=("MNN",), make=("MNN",)),
    BackendInfo(
        "litert",
        "LiteRT",
        "optional.litert",
        run=("ai-edge-litert",),
        make=("litert-torch", "torch", "onnx"),
        heavy=True,
    ),
    BackendInfo(
        "executorch",
        "ExecuTorch",
        "optional.executorch",
        run=("executorch", "torch"),
        make=("executorch", "torch", "onnx"),
        environment="peers-executorch",
        heavy=True,
    ),
    BackendInfo(
        "coreml",
        "Core ML",
        "optional.coreml",
        make=("coremltools", "torch", "onnx"),
        environment="peers-executorch",
        only_on="Apple's systems",
        heavy=True,
    ),
)
_BY_NAME = {info.name: info for info in _TABLE}

BACKENDS = tuple(info.name for info in _TABLE if not info.only_on)
"""Every backend that can run here: the reference first, the optional ones last."""

CONVERTED = tuple(info.name for info in _TABLE if info.make)
"""Optional backends that run files of their own, which ``convert --also`` makes; some of them run elsewhere only."""


def info_of(name: str) -> BackendInfo:
    """The row of a backend. Raises ``KeyError``."""
    return _BY_NAME[name]
