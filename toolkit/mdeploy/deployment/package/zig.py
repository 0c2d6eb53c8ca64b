# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Compiles the harness and the shared library for other machines with the zig compiler of PyPI's ``ziglang``."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mdeploy.deployment.package.elf import PAGE_BYTES, read_elf
from mdeploy.errors import MdeployError, UnavailableError
from mdeploy.native.sources import source_files
from mdeploy.progress import Tell

__all__ = ["HARNESS", "Target", "build", "flags", "words", "zig_version"]

HARNESS = "mdeploy-harness"
_BUILD_SECONDS = 1800.0
_TELL_SECONDS = 1.0


@dataclass(frozen=True)
class Target:
    """How one ABI is compiled: zig's name for it, its flags, and the ELF machine that must come out ("" for Mach-O).

    What comes out is the harness as a static executable, or with ``library`` the runtime as a shared library.
    """

    abi: str
    triple: str
    machine: str
    flags: tuple[str, ...] = ()
    library: bool = field(default=False, repr=False)  # its flags say so too

    @property
    def what(self) -> str:
        """What is built, in words."""
        return f"the runtime's library for {self.abi}" if self.library else f"the harness for {self.abi}"

    @property
    def file(self) -> str:
        """Its name."""
        if not self.library:
            return HARNESS
        return f"libmdeploy_runtime.{'so' if self.machine else 'dylib'}"


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
_LIBRARY = ("-shared", "-fPIC")
_LIBRARY_MACHO = ("-Wl,-install_name,@rpath/libmdeploy_runtime.dylib",)


@cache
def zig_version() -> str:
    """The version of the compiler. Raises ``UnavailableError`` where it is not installed."""
    try:
        return importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        raise UnavailableError("building the harness needs the zig compiler: pip install ziglang") from None


def flags(target: Target) -> tuple[str, ...]:
    """What a build of ``target`` is compiled and linked with."""
    link = _LINK_ELF if target.machine else _LINK_MACHO
    if target.library:
        link = (*_LIBRARY, *(flag for flag in link if flag != "-static"), *(() if target.machine else _LIBRARY_MACHO))
    return (*_COMPILE, *target.flags, *link)


def build(wanted: Mapping[Target, Path], sources: Path, tell: Tell, symbols: bool = False) -> None:
    """Build what every target in ``wanted`` is of to its path, each whole or not at all.

    With ``symbols`` they keep the names of their functions, for tools that look into them; the code is the same.

    One call of zig compiles one file after the other. That goes for its own C and C++ libraries too, which it makes
    when it first links for a target and then keeps; they take about as long as our sources. So each source and each
    target's libraries are a call of their own, as many at a time as there are cores. The linker gets the objects in
    the order of their names: the same sources give the same bytes.

    Raises:
        UnavailableError: something does not compile; the message names file and line.
    """
    names = words(wanted)
    files = {target: _files(target, sources) for target in wanted}
    with ExitStack() as stack:
        folders = {
            target: Path(stack.enter_context(tempfile.TemporaryDirectory(dir=built.parent, prefix=".build-")))
            for target, built in wanted.items()
        }
        kept = _kept_by_zig()
        pool = stack.enter_context(ThreadPoolExecutor(_cores()))
        try:
            libraries = [
                pool.submit(_make_libraries, target, wanted[target], folders[target], symbols) for target in wanted
            ]
            objects = [
                pool.submit(_zig, target, sources, built, "-c", str(file), "-o", f"{folders[target] / str(number)}.o")
                for target, built in wanted.items()
                for number, file in enumerate(files[target])
            ]
            _watch(names, libraries, objects, kept, tell)
            tell(f"linking {names}")
            links = [
                pool.submit(_link, target, sources, built, folders[target], len(files[target]), symbols)
                for target, built in wanted.items()
            ]
            for link in links:
                link.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def words(targets: Iterable[Target]) -> str:
    """What is built, each kind named once."""
    kinds: dict[str, list[str]] = {}
    for target in targets:
        kinds.setdefault(target.what.removesuffix(target.abi), []).append(target.abi)
    return " and ".join(kind + ", ".join(abis) for kind, abis in kinds.items())


def _files(target: Target, sources: Path) -> list[Path]:
    """The translation units of a target: the library has none of the harness."""
    every = (path.relative_to(sources) for path in source_files(sources) if path.suffix == ".cc")
    return [path for path in every if not (target.library and path.parts[0] == "harness")]


def _watch(names: str, libraries: list[Future[None]], objects: list[Future[None]], kept: int, tell: Tell) -> None:
    """Wait for all of it, and say every second how far it is.

    zig's own files are counted where it keeps them, and there were ``kept`` before; it does not say how many come.
    """
    pending: set[Future[None]] = {*libraries, *objects}
    said = ""
    while pending:
        done, pending = wait(pending, _TELL_SECONDS, FIRST_EXCEPTION)
        for job in done:
            job.result()
        compiled = sum(job.done() for job in objects)
        message = f"building {names}: {compiled} of {len(objects)} files"
        if not all(job.done() for job in libraries):
            message += f"; of zig's C and C++ libraries {max(_kept_by_zig() - kept - compiled, 0)} files"
        if message != said:
            tell(message)
            said = message


def _make_libraries(target: Target, built: Path, folder: Path, symbols: bool) -> None:
    """Let zig make its libraries for a target, by linking an empty program."""
    if target.machine:  # on macOS they are the system's
        source = f"{target.abi}.cc"
        (folder / source).write_text("int main() { return 0; }\n")
        _zig(target, folder, built, source, "-o", target.abi, symbols=symbols)


def _link(target: Target, sources: Path, built: Path, folder: Path, count: int, symbols: bool) -> None:
    partial = folder / built.name
    objects = (str(folder / f"{number}.o") for number in range(count))
    _zig(target, sources, built, *objects, "-o", str(partial), symbols=symbols)
    _check(partial, target, symbols)
    shutil.move(partial, built)


def _zig(target: Target, folder: Path, built: Path, *arguments: str, symbols: bool = False) -> None:
    """Call the compiler in ``folder``, without warnings: the developers' builds have those."""
    linking = "-c" not in arguments
    # Objects are the same with symbols and without, so that those of one build serve the other.
    used = [("-g0" if flag == "-s" and symbols else flag) for flag in flags(target)]
    command = [
        *(sys.executable, "-m", "ziglang", "c++", "-target", target.triple),
        # zig links a single object too: --gc-sections would leave nothing of it.
        *(flag for flag in used if linking or not flag.startswith(("-Wl,", "-shared"))),
        # What the report says about its compiler.
        f'-DMDEPLOY_COMPILER_FLAGS="{" ".join(flags(target))}"',
        *("-I", "include", "-I", "src", "-I", "harness/include", "-I", "harness/src", "-w"),
        *arguments,
    ]
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(_zig_cache())}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"building {target.what} did not end in {_BUILD_SECONDS:g} s") from None
    if done.returncode != 0:
        log = built.parent / "build.log"
        log.write_text(done.stderr)
        lines = [line.strip() for line in done.stderr.splitlines() if "error" in line]
        raise UnavailableError(f"{target.what} cannot be compiled: {lines[0] if lines else 'zig failed'} (see {log})")


def _zig_cache() -> Path:
    """Where zig keeps what it has compiled. zig is told the same place, so that counting there is right."""
    named = os.environ.get("ZIG_GLOBAL_CACHE_DIR")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zig"


def _kept_by_zig() -> int:
    """How many compiled files zig keeps."""
    try:
        return len(os.listdir(_zig_cache() / "o"))  # noqa: PTH208 - thousands of names, a Path for none
    except OSError:
        return 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check(path: Path, target: Target, symbols: bool) -> None:
    if not target.machine:
        return
    elf = read_elf(path)
    stripped = elf.stripped or symbols
    if target.library:
        if elf.machine != target.machine or not stripped:
            raise MdeployError(f"what zig built is not a stripped {target.machine} library: {elf}")
        return
    if elf.machine != target.machine or not elf.static or not stripped or elf.load_alignment < PAGE_BYTES:
        wanted = f"static, stripped, {PAGE_BYTES}-byte aligned {target.machine} executable"
        raise MdeployError(f"what zig built is not a {wanted}: {elf}")
