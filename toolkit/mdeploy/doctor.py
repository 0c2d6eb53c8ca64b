# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What is installed here, what each thing is needed for, and how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mdeploy.backends.optional.environment import find_home, how_to_install, why_missing
from mdeploy.backends.registry import BACKENDS, get_backend
from mdeploy.backends.table import CONVERTED, info_of
from mdeploy.native.sources import is_current
from mdeploy.version import __version__

__all__ = ["Finding", "Health", "examine"]

_PACKAGES = {
    "torch": "the reference, and export to ONNX",
    "onnx": "convert",
    "onnxsim": "convert",
    "onnxscript": "convert with the dynamo exporter",
    "protobuf": "reading and writing nets",
    "numpy": "everything",
}

_SIZES = {"torch": "3 GB to fetch on Linux, most of it CUDA, 0.2 GB from PyTorch's own index for CPUs"}

_PROBE_SECONDS = 20


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for. ``required`` things are needed by the main job."""

    kind: str
    name: str
    found: bool
    version: str
    needed_for: str
    detail: str = ""
    install: str = ""
    required: bool = False


@dataclass(frozen=True)
class Health:
    """Everything that was looked for."""

    mdeploy: str
    python: str
    system: str
    cores: int
    findings: tuple[Finding, ...]

    @property
    def missing_required(self) -> tuple[Finding, ...]:
        """What the main job cannot do without."""
        return tuple(finding for finding in self.findings if finding.required and not finding.found)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"schema": "mdeploy-doctor/1", "ok": not self.missing_required, **asdict(self)}


@dataclass(frozen=True)
class _Tool:
    name: str
    programs: tuple[str, ...]
    needed_for: str
    install: str
    size: str
    version_flag: str = "--version"


_TOOLS = (
    _Tool("C++ compiler", ("c++", "g++", "clang++"), "building mdeploy itself from source", "apt install g++", "60 MB"),
    _Tool("cmake", ("cmake",), "building mdeploy itself from source", "pip install cmake", "30 MB"),
    _Tool(
        "qemu-aarch64",
        ("qemu-aarch64-static", "qemu-aarch64"),
        "bench --device qemu: the arm64 code without a phone",
        "apt install qemu-user-static",
        "63 MB",
    ),
    _Tool(
        "adb",
        ("adb",),
        "bench --device adb: Android phones",
        "apt install adb (macOS: brew install android-platform-tools)",
        "1 MB",
        "version",
    ),
)


def examine() -> Health:
    """Look at this machine. Starts a few programs to ask their versions; changes nothing."""
    findings = (*_backends(), *_native_build(), *_makers(), *_packages(), _ziglang(), *_tools())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Health(__version__, platform.python_version(), system, cores, findings)


def _backends() -> Iterator[Finding]:
    for name in BACKENDS:
        backend = get_backend(name)
        found = backend.availability()
        yield Finding(
            "backend",
            name,
            found.available,
            found.version,
            "parity, predict, evaluate",
            found.reason,
            found.install,
            not backend.info.optional,
        )


def _native_build() -> Iterator[Finding]:
    """In a checkout: whether the native parts are those of the sources beside them."""
    package = Path(__file__).resolve().parent
    current = is_current(package / "_native", package.parent.parent / "runtime")
    if current is None:
        return
    detail = "" if current else "the library and harness were built from other sources than those in runtime/"
    needed_for = "measuring what the sources say"
    yield Finding("build", "native parts", current, "", needed_for, detail, "make native")


def _makers() -> Iterator[Finding]:
    """What makes other runtimes' files, where that is not the runtime itself."""
    for name in CONVERTED:
        info = info_of(name)
        if info.make == info.run:
            continue
        home = find_home(info, info.make)
        version = "" if home is None else home.versions[info.make[0]]
        needed_for = f"convert --also {name}" + (f", parity --backends {name}" if info.run else "")
        remedy = how_to_install(info, info.make)
        detail = "" if home is not None else why_missing(info, info.make)
        yield Finding("maker", info.make[0], home is not None, version, needed_for, detail, remedy)


def _packages() -> Iterator[Finding]:
    for name, needed_for in _PACKAGES.items():
        version = _package_version(name)
        detail = _SIZES.get(name, "") if version is None else ""
        yield Finding(
            "package",
            name,
            version is not None,
            version or "",
            needed_for,
            detail,
            f"pip install {name}",
            required=True,
        )


def _ziglang() -> Finding:
    version = _package_version("ziglang")
    needed_for = "package --target android: cross-compiling the harness"
    detail = "" if version else "101 MB to fetch"
    return Finding(
        "tool", "ziglang", version is not None, version or "", needed_for, detail, "pip install ziglang", True
    )


def _tools() -> Iterator[Finding]:
    for tool in _TOOLS:
        path = next(filter(None, map(_which, tool.programs)), None)
        version = _program_version(path, tool.version_flag) if path else ""
        detail = path or f"{tool.size} to fetch"
        yield Finding("tool", tool.name, path is not None, version, tool.needed_for, detail, tool.install)


def _which(program: str) -> str | None:
    """Where a program is: on PATH, or beside this Python, where pip puts it and PATH may not lead."""
    beside = sysconfig.get_path("scripts")
    return shutil.which(program) or shutil.which(program, path=beside)


def _package_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _program_version(path: str, flag: str) -> str:
    try:
        done = subprocess.run(
            [path, flag], capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+\.\d+[\w.+-]*", done.stdout + done.stderr)
    return found.group() if found else ""
