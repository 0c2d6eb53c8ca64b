# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The harness for every ABI: found where a wheel carries it, else built once by the zig cross-compiler and cached.

``python -m mdeploy.deployment.package.cross`` builds all of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mdeploy.deployment.package.elf import PAGE_BYTES, read_elf
from mdeploy.errors import MdeployError, UnavailableError, UsageError
from mdeploy.files import cache_folder
from mdeploy.native.sources import digest, source_files

__all__ = ["ANDROID_ABIS", "HARNESS", "Target", "harness", "host_abi", "runtime_sources"]

HARNESS = "mdeploy-harness"
ANDROID_ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")

Report = Callable[[str], None]

_PACKAGE = Path(__file__).resolve().parents[2]
_BUILD_SECONDS = 1800.0
_RECIPE = "objects, then linked by name"  # a new recipe may give other bytes for the same sources
_STEPS = 10  # of a build, as its progress is told


@dataclass(frozen=True)
class Target:
    """How one ABI is compiled: zig's name for it, its flags, and the ELF machine that must come out ("" for Mach-O)."""

    abi: str
    triple: str
    machine: str
    flags: tuple[str, ...] = ()


# musl, because a static executable of it makes only system calls that Android's seccomp policy for apps allows.
# ARMv7 phones since API 21 have NEON, which the ABI name alone does not promise to the compiler.
TARGETS = {
    target.abi: target
    for target in (
        Target("arm64-v8a", "aarch64-linux-musl", "aarch64"),
        Target("armeabi-v7a", "arm-linux-musleabihf", "arm", ("-mcpu=generic+v7a+neon+vfp4",)),
        Target("x86_64", "x86_64-linux-musl", "x86_64"),
        Target("macos-arm64", "aarch64-macos", ""),
        Target("macos-x86_64", "x86_64-macos", ""),
    )
}

_COMPILE = (
    *("-std=c++17", "-O2", "-DNDEBUG", "-fvisibility=hidden"),
    # For size: exceptions need unwinding only where they can pass.
    *("-fno-asynchronous-unwind-tables", "-ffunction-sections", "-fdata-sections"),
)
_LINK_ELF = (
    "-static",
    "-s",
    "-Wl,--gc-sections",
    f"-Wl,-z,max-page-size={PAGE_BYTES}",
    f"-Wl,-z,common-page-size={PAGE_BYTES}",
)
_LINK_MACHO = ("-Wl,-dead_strip",)


def host_abi() -> str:
    """The ABI that runs here. Raises ``UnavailableError`` where there is none."""
    machine = {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    names = {
        ("linux", "x86_64"): "x86_64",
        ("linux", "arm64"): "arm64-v8a",
        ("darwin", "arm64"): "macos-arm64",
        ("darwin", "x86_64"): "macos-x86_64",
    }
    found = names.get((sys.platform, machine))
    if found is None:
        raise UnavailableError(f"the harness is not built for {sys.platform} on {machine}")
    return found


def harness(abi: str, report: Report = lambda _message: None) -> Path:
    """Return the harness executable for ``abi``: ``host``, or one of Android's.

    Looked for in the installed package, then in the cache, then built (minutes the first time). ``report`` is told what
    takes long.

    Raises:
        UsageError: there is no such ABI.
        UnavailableError: it is nowhere and cannot be built here; the message says what is missing.
    """
    target = TARGETS.get(host_abi() if abi == "host" else abi)
    if target is None:
        raise UsageError(f"ABI {abi}: must be host, {', '.join(ANDROID_ABIS)}")
    carried = _carried(abi, target)
    if carried is not None:
        return carried
    sources = runtime_sources()
    if sources is None:
        raise UnavailableError(
            f"no harness for {target.abi} in this installation, and no runtime sources to build it from; "
            "reinstall mdeploy from a wheel or a source tree"
        )
    return _cached_build(target, sources, report)


def runtime_sources() -> Path | None:
    """The runtime's sources: those of the source tree that this is, or those that the package carries."""
    for folder in (_PACKAGE.parent.parent / "runtime", _PACKAGE / "_runtime"):
        if (folder / "include" / "mdeploy" / "mdeploy_runtime.h").is_file() and (folder / "harness").is_dir():
            return folder
    return None


def _carried(abi: str, target: Target) -> Path | None:
    """The harness that this installation carries. The host's comes from the same build as the shared library."""
    native = _PACKAGE / "_native"
    candidates = [native / HARNESS] if abi == "host" else []
    candidates.append(native / target.abi / HARNESS)
    return next((path for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)


@cache
def _zig_version() -> str:
    try:
        return importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        raise UnavailableError("building the harness needs the zig compiler: pip install ziglang") from None


def _flags(target: Target) -> tuple[str, ...]:
    return (*_COMPILE, *target.flags, *(_LINK_ELF if target.machine else _LINK_MACHO))


def _key(target: Target, sources: Path) -> str:
    """SHA-256 of all that the executable depends on."""
    return digest(sources, repr((_RECIPE, target, _flags(target), _zig_version())).encode())


def _cached_build(target: Target, sources: Path, report: Report) -> Path:
    kept = cache_folder("harness")
    place = kept / _key(target, sources) / target.abi
    built = place / HARNESS
    if built.is_file():
        return built
    try:
        place.mkdir(parents=True, exist_ok=True)
        # One build at a time, of whatever: it keeps every core busy by itself, and builds share zig's cache.
        with _lock(kept / ".lock", lambda: report("waiting for another process that builds a harness")):
            if not built.is_file():
                report(f"building the harness for {target.abi} (minutes the first time, then cached)")
                _build(target, sources, built, report)
    except OSError as error:
        raise UnavailableError(f"cannot build the harness in {place}: {error.strerror or error}") from error
    return built


@contextlib.contextmanager
def _lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(target: Target, sources: Path, built: Path, report: Report) -> None:
    """Compile and link into ``built``, whole or not at all.

    zig compiles the files of one call one after the other, so each file is a call of its own, as many at a time as
    there are cores. The linker gets the objects in the order of their names: the same sources give the same bytes.
    """
    files = [path.relative_to(sources) for path in source_files(sources) if path.suffix == ".cc"]
    with tempfile.TemporaryDirectory(dir=built.parent, prefix=".build-") as name:
        folder = Path(name)
        objects = [folder / f"{number}.o" for number in range(len(files))]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()) as pool:
            jobs = [
                pool.submit(_zig, target, sources, built, "-c", str(file), "-o", str(place))
                for file, place in zip(files, objects, strict=True)
            ]
            try:
                for number, job in enumerate(as_completed(jobs), 1):
                    job.result()
                    if number * _STEPS // len(jobs) > (number - 1) * _STEPS // len(jobs):
                        report(f"building the harness for {target.abi}: {number} of {len(jobs)} files")
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        partial = folder / HARNESS
        _zig(target, sources, built, *map(str, objects), "-o", str(partial))
        _check(partial, target)
        shutil.move(partial, built)


def _zig(target: Target, sources: Path, built: Path, *arguments: str) -> None:
    """Call the compiler. Warnings are the business of the builds with the developers' flags."""
    flags, linking = _flags(target), "-c" not in arguments
    command = [
        *(sys.executable, "-m", "ziglang", "c++", "-target", target.triple),
        # zig links a single object too: --gc-sections would leave nothing of it.
        *(flag for flag in flags if linking or not flag.startswith("-Wl,")),
        # What the report says about its compiler.
        f'-DMDEPLOY_COMPILER_FLAGS="{" ".join(flags)}"',
        *("-I", "include", "-I", "src", "-I", "harness/include", "-I", "harness/src", "-w"),
        *arguments,
    ]
    try:
        done = subprocess.run(command, cwd=sources, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"building the harness for {target.abi} did not end in {_BUILD_SECONDS:g} s") from None
    if done.returncode != 0:
        log = built.parent / "build.log"
        log.write_text(done.stderr)
        lines = [line.strip() for line in done.stderr.splitlines() if "error" in line]
        raise UnavailableError(
            f"the harness for {target.abi} cannot be compiled: {lines[0] if lines else 'zig failed'} (see {log})"
        )


def _check(path: Path, target: Target) -> None:
    if not target.machine:
        return
    elf = read_elf(path)
    if elf.machine != target.machine or not elf.static or not elf.stripped or elf.load_alignment < PAGE_BYTES:
        raise MdeployError(
            f"zig built no static, stripped, {PAGE_BYTES}-byte aligned {target.machine} executable: {elf}"
        )


def main() -> int:
    """Build every harness; print where each one is."""
    try:
        for abi in ("host", *ANDROID_ABIS):
            path = harness(abi, lambda message: print(message, file=sys.stderr, flush=True))
            print(f"{abi}\t{path}\t{path.stat().st_size} bytes")
    except MdeployError as error:
        print(f"mdeploy: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
