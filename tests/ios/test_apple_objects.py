# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The runtime and the harness compile for Apple's systems, by zig's headers of these, and link for macOS.

It is a gate for the sources, not a release: no Apple linker has seen the objects.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import ziglang

from mdeploy.deployment.package.cross import TARGETS, harness
from mdeploy.deployment.package.zig import zig_version
from mdeploy.files import cache_folder
from mdeploy.native.sources import digest, source_files

RUNTIME = Path(__file__).resolve().parents[2] / "runtime"
FLAGS = (
    *("-std=c++17", "-O0", "-fno-sanitize=all", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"),
    # What each version of iOS has: a use of what came later is an error.
    *("-D_LIBCPP_HAS_VENDOR_AVAILABILITY_ANNOTATIONS=1", "-Wno-macro-redefined"),
    *("-Iinclude", "-Isrc", "-Iharness/include", "-Iharness/src"),
)
MACHO_64, BUILD_VERSION, ARM64 = 0xFEEDFACF, 0x32, 0x0100000C
MACOS, IOS, SIMULATOR = 1, 2, 7  # of LC_BUILD_VERSION


def build_version(data: bytes) -> tuple[int, str]:
    """Platform and least version of a Mach-O file."""
    magic, cpu, _, _, commands, _, _, _ = struct.unpack_from("<8I", data)
    assert (magic, cpu) == (MACHO_64, ARM64)
    at = 32
    for _ in range(commands):
        command, size = struct.unpack_from("<2I", data, at)
        if command == BUILD_VERSION:
            platform, least = struct.unpack_from("<2I", data, at + 8)
            return platform, f"{least >> 16}.{least >> 8 & 255}"
        at += size
    raise AssertionError("no LC_BUILD_VERSION")


def zig(target: str, *words: str) -> subprocess.CompletedProcess[str]:
    headers = Path(ziglang.__file__).parent / "lib" / "libc" / "include" / "any-darwin-any"
    command = [sys.executable, "-m", "ziglang", "c++", "-target", target, "-isystem", str(headers), *FLAGS, *words]
    return subprocess.run(command, cwd=RUNTIME, capture_output=True, text=True, check=False)


def failures(target: str, platform: int, folder: Path) -> Iterator[str]:
    """What does not compile for ``target``, a line for each file."""
    sources = [path for path in source_files(RUNTIME) if path.suffix == ".cc" and path.name != "main.cc"]

    def compile_one(source: Path) -> str:
        made = folder / f"{sources.index(source)}.o"
        done = zig(target, "-c", str(source.relative_to(RUNTIME)), "-o", str(made))
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "error:" in line]
            return lines[0] if lines else done.stderr[:300]
        found = build_version(made.read_bytes())
        made.unlink()
        wanted = (platform, target.partition(".")[2].partition("-")[0])
        return "" if found == wanted else f"{source.name}: {found} where {wanted} was meant"

    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2) as pool:
        yield from filter(None, pool.map(compile_one, sources))


@pytest.mark.slow
@pytest.mark.parametrize(("target", "platform"), [("aarch64-ios.16.0", IOS), ("aarch64-ios.16.0-simulator", SIMULATOR)])
def test_every_source_compiles(target: str, platform: int, tmp_path: Path) -> None:
    """Minutes for new sources; what has been compiled already is not compiled again."""
    key = digest(RUNTIME, repr((target, FLAGS, zig_version())).encode() + Path(__file__).read_bytes())
    stamp = cache_folder("apple") / key
    if not stamp.is_file():
        assert [*failures(target, platform, tmp_path)] == []
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("int unused() { int x; return 0; }", "unused variable"),
        # std::to_chars of a float came with iOS 16.3.
        ("#include <charconv>\nchar* f(char* b) { return std::to_chars(b, b + 9, 1.0).ptr; }", "unavailable"),
        ("#include <linux/limits.h>", "not found"),
    ],
)
def test_what_ios_16_has_not_is_found(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.cc").write_text(text + "\n")
    done = zig("aarch64-ios.16.0", "-c", str(tmp_path / "x.cc"), "-o", str(tmp_path / "x.o"))
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.slow
def test_the_harness_links_for_macos() -> None:
    assert TARGETS["macos-arm64"].triple.startswith("aarch64-macos")
    assert build_version(harness("macos-arm64").read_bytes())[0] == MACOS
