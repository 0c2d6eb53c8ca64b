# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Builds the native runtime and the host harness with CMake as part of the Python package.

The metadata is in pyproject.toml. The runtime is loaded by ctypes, so one wheel per platform serves every Python. With
MDEPLOY_NATIVE=FOLDER the native files are taken from there: tools/wheels.py has built them for another platform.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from setuptools import Distribution, Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
RUNTIME = ROOT / "runtime"
LIBRARY = "libmdeploy_runtime.dylib" if sys.platform == "darwin" else "libmdeploy_runtime.so"
HARNESS = "mdeploy-harness"
BUNDLED = {"demo": [ROOT / "examples" / "resnest_small_cifar10.pt", ROOT / "examples" / "demo_picture.png"]}


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SOURCES = _load(ROOT / "toolkit" / "mdeploy" / "native" / "sources.py")
sys.path.insert(0, str(ROOT / "toolkit"))  # the toolkit imports what it needs only when it is used
FILES = importlib.import_module("mdeploy.files")


class BuildNative(build_ext):
    """Runs CMake and puts the shared library and the harness into ``mdeploy/_native``."""

    def build_extension(self, ext: Extension) -> None:  # noqa: ARG002
        given = os.environ.get("MDEPLOY_NATIVE")
        if given:
            shutil.copytree(given, Path(self.build_lib) / "mdeploy" / "_native", dirs_exist_ok=True)
            return
        if sys.platform not in ("linux", "darwin"):
            raise SystemExit("mdeploy builds on Linux and macOS; on Windows use WSL")
        build = ROOT / "build" / "native"  # kept, so that the next build compiles what changed
        build.mkdir(parents=True, exist_ok=True)
        with _lock(build / ".lock"):  # pip builds too, while `make` does
            self.digest = SOURCES.digest(RUNTIME)  # before the build: what changes meanwhile may not be in it
            kept = _kept(self.digest)
            if all((kept / name).is_file() for name in (LIBRARY, HARNESS)):
                self._install(kept / LIBRARY, kept / HARNESS)
                return
            self._compile(build)
            self._install(build / LIBRARY, build / "harness" / HARNESS)
            if self.digest == SOURCES.digest(RUNTIME):
                with contextlib.suppress(OSError):  # a home that cannot be written: then the next checkout compiles
                    _replace(build / LIBRARY, kept / LIBRARY)
                    _replace(build / "harness" / HARNESS, kept / HARNESS)

    def _compile(self, build: Path) -> None:
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        configure = ["cmake", "-S", RUNTIME, "-B", build, *generator, "-DCMAKE_BUILD_TYPE=Release"]
        configure.append("-DMDEPLOY_TESTS=OFF")
        jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") or str(os.cpu_count() or 2)
        subprocess.run(list(map(str, configure)), check=True)
        subprocess.run(["cmake", "--build", str(build), "--parallel", jobs], check=True)

    def _install(self, *built: Path) -> None:
        for found in built:
            if not found.exists():
                raise SystemExit(f"the CMake build made no {found.name}")
            _replace(found, Path(self.build_lib) / "mdeploy" / "_native" / found.name)

    def get_ext_filename(self, fullname: str) -> str:
        return str(Path(*fullname.split(".")[:-1]) / LIBRARY)

    def copy_extensions_to_source(self) -> None:
        # What an editable install does instead of installing; setuptools would take the library alone.
        for name in (LIBRARY, HARNESS):
            built = Path(self.build_lib) / "mdeploy" / "_native" / name
            _replace(built, ROOT / "toolkit" / "mdeploy" / "_native" / name)
        record = ROOT / "toolkit" / "mdeploy" / "_native" / SOURCES.RECORD
        record.write_text(f"{self.digest}\n", encoding="utf-8")


class BuildPython(build_py):
    """Adds what an installed package needs and a checkout has elsewhere.

    The runtime's sources let ``mdeploy package`` build the harness for other ABIs and, with those in Swift, make a
    package for iOS; the demo's files let ``mdeploy demo`` run.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib) / "mdeploy"
        sources = package / "_runtime"
        shutil.rmtree(sources, ignore_errors=True)
        for part in ("include", "src", "harness"):
            shutil.copytree(RUNTIME / part, sources / part, ignore=shutil.ignore_patterns("tests"))
        for path in (*RUNTIME.glob("*.cmake"), *RUNTIME.glob("*.txt")):
            shutil.copy2(path, sources / path.name)
        swift = package / "_swift"
        shutil.rmtree(swift, ignore_errors=True)
        left_out = shutil.ignore_patterns("MDeployTests", ".*")
        shutil.copytree(ROOT / "ios_harness", swift / "ios_harness", ignore=left_out)
        shutil.copy2(ROOT / "Package.swift", swift / "Package.swift")
        for folder, files in BUNDLED.items():
            (package / folder).mkdir(parents=True, exist_ok=True)
            for path in files:
                if path.exists():
                    shutil.copy2(path, package / folder / path.name)


class PlatformWheel(bdist_wheel):
    """The native part does not use Python's ABI: tag the wheel for the platform alone."""

    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", super().get_tag()[2])


class NativeDistribution(Distribution):
    """Has native code even though setuptools sees no C source."""

    def has_ext_modules(self) -> bool:
        return True


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    import fcntl  # which Windows, where nothing is built, has not

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _kept(digest: str) -> Path:
    """Where the user's cache keeps a build of these sources by this compiler: a second checkout takes it from there."""
    found = hashlib.sha256(digest.encode())
    for path in sorted((*RUNTIME.rglob("CMakeLists.txt"), *RUNTIME.rglob("*.cmake"), *RUNTIME.rglob("*.in"))):
        found.update(f"\n{path.relative_to(RUNTIME).as_posix()}\n".encode() + path.read_bytes())
    for name in ("CXX", "CXXFLAGS", "LDFLAGS", "MACOSX_DEPLOYMENT_TARGET"):
        found.update(f"\n{name}={os.environ.get(name)}".encode())
    compiler = shutil.which(os.environ.get("CXX", "c++")) or "g++"
    with contextlib.suppress(OSError):  # without a compiler CMake says so
        found.update(subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout)
    found.update(os.fsencode(sysconfig.get_platform()))
    return FILES.cache_folder("native") / found.hexdigest()


def _replace(source: Path, destination: Path) -> None:
    # Renaming over a library that a running process has mapped is safe; writing into it is not.
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_name(destination.name + ".partial")
    shutil.copy2(source, partial)
    partial.replace(destination)


setup(
    distclass=NativeDistribution,
    ext_modules=[Extension("mdeploy._native.runtime", sources=[])],
    cmdclass={"build_ext": BuildNative, "build_py": BuildPython, "bdist_wheel": PlatformWheel},
)
