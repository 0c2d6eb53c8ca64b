# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Where harnesses come from, and what they are."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from mdeploy.deployment.package import cross, zig
from mdeploy.deployment.package.elf import read_elf
from mdeploy.errors import InputError, UnavailableError, UsageError
from mdeploy.progress import quiet

MACHINES = {"arm64-v8a": ("aarch64", 64), "armeabi-v7a": ("arm", 32), "x86_64": ("x86_64", 64)}
ARM64_LIMIT_BYTES = 1_200_000


@pytest.mark.parametrize("abi", cross.ANDROID_ABIS)
def test_android_harnesses_are_static_and_aligned(abi: str) -> None:
    path = cross.harness(abi)
    elf = read_elf(path)
    assert (elf.machine, elf.bits) == MACHINES[abi]
    assert elf.static
    assert elf.stripped
    assert elf.load_alignment >= 16384
    assert os.access(path, os.X_OK)
    if abi == "arm64-v8a":
        assert path.stat().st_size <= ARM64_LIMIT_BYTES


def test_host_harness_runs() -> None:
    done = subprocess.run([cross.harness("host"), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mdeploy-harness ")


def test_unknown_abi() -> None:
    with pytest.raises(UsageError, match="mips"):
        cross.harness("mips")


def test_neither_harness_nor_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cross, "_PACKAGE", tmp_path / "a" / "b")
    with pytest.raises(UnavailableError, match="reinstall mdeploy"):
        cross.harness("arm64-v8a")


def test_a_wheel_s_harness_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "site" / "pkg" / "mdeploy"
    carried = package / "_native" / "arm64-v8a" / cross.HARNESS
    carried.parent.mkdir(parents=True)
    carried.write_text("")
    monkeypatch.setattr(cross, "_PACKAGE", package)
    with pytest.raises(UnavailableError):
        cross.harness("arm64-v8a")  # not executable
    carried.chmod(carried.stat().st_mode | stat.S_IXUSR)
    assert cross.harness("arm64-v8a") == carried


class FakeCompiler:
    """Stands in for zig: a tiny source tree, a cache of its own, and builds that are counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.sources = tmp_path / "tree" / "runtime"
        for name in ("include/mdeploy/mdeploy_runtime.h", "src/a.cc", "harness/src/main.cc", "harness/include/x.h"):
            (self.sources / name).parent.mkdir(parents=True, exist_ok=True)
            (self.sources / name).write_text(name)
        self.builds: list[str] = []
        monkeypatch.setattr(cross, "_PACKAGE", tmp_path / "tree" / "toolkit" / "mdeploy")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setattr(cross, "build", self._build)
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def _build(self, wanted: Mapping[zig.Target, Path], sources: Path, _tell: cross.Tell) -> None:
        assert sources == self.sources
        self.builds += [target.abi for target in wanted]
        self.entered.set()
        assert self.go_on.wait(60)
        for target, built in wanted.items():
            built.write_text(target.abi)
            built.chmod(0o755)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeCompiler:
    return FakeCompiler(monkeypatch, tmp_path)


def test_built_once_then_cached(compiler: FakeCompiler) -> None:
    said: list[str] = []
    first = cross.harness("arm64-v8a", said.append)
    assert cross.harness("arm64-v8a", said.append) == first
    assert compiler.builds == ["arm64-v8a"]
    assert len(said) == 1
    assert "building" in said[0]
    assert cross.harness("armeabi-v7a") != first


@pytest.mark.parametrize("name", ["src/a.cc", "harness/src/main.cc", "include/mdeploy/mdeploy_runtime.h"])
def test_every_source_counts(compiler: FakeCompiler, name: str) -> None:
    first = cross.harness("x86_64")
    (compiler.sources / name).write_text("changed")
    assert cross.harness("x86_64") != first
    (compiler.sources / name).write_text(name)
    assert cross.harness("x86_64") == first


def test_a_new_source_counts_and_other_files_do_not(compiler: FakeCompiler) -> None:
    first = cross.harness("x86_64")
    (compiler.sources / "src" / "notes.txt").write_text("x")
    assert cross.harness("x86_64") == first
    (compiler.sources / "src" / "new.cc").write_text("x")
    assert cross.harness("x86_64") != first


def test_the_host_s_comes_from_the_package_s_own_build(compiler: FakeCompiler) -> None:
    assert cross.harness("host").parent.name == cross.host_abi()
    assert compiler.builds == [cross.host_abi()]
    host = cross._PACKAGE / "_native" / cross.HARNESS
    host.parent.mkdir(parents=True)
    host.write_text("built by CMake")
    host.chmod(0o755)
    assert cross.harness("host") == host


def test_two_at_once_build_once(compiler: FakeCompiler) -> None:
    compiler.go_on.clear()
    said: list[str] = []
    found: list[Path] = []
    first = threading.Thread(target=lambda: found.append(cross.harness("arm64-v8a")))
    first.start()
    assert compiler.entered.wait(60)
    waiting = threading.Event()

    def tell(message: str) -> None:
        said.append(message)
        waiting.set()

    second = threading.Thread(target=lambda: found.append(cross.harness("arm64-v8a", tell)))
    second.start()
    assert waiting.wait(60)
    compiler.go_on.set()
    first.join(60)
    second.join(60)
    assert compiler.builds == ["arm64-v8a"]
    assert len(set(found)) == 1
    assert "waiting for another process" in said[0]


def test_what_is_missing_is_built_together(compiler: FakeCompiler) -> None:
    cross.harness("armeabi-v7a")
    found = cross.harnesses(cross.ANDROID_ABIS)
    assert list(found) == list(cross.ANDROID_ABIS)
    assert all(path.read_text() == abi for abi, path in found.items())
    assert compiler.builds == ["armeabi-v7a", "arm64-v8a", "x86_64"]


def test_a_source_that_does_not_compile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tree = FakeCompiler(monkeypatch, tmp_path)
    monkeypatch.setattr(cross, "build", zig.build)

    def run(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        assert command[:4] == [sys.executable, "-m", "ziglang", "c++"]
        return subprocess.CompletedProcess(command, 1, "", "src/a.cc:1:1: error: nonsense\n1 error generated.\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(UnavailableError, match=r"src/a.cc:1:1: error: nonsense \(see .*build.log\)"):
        cross.harness("arm64-v8a")
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert sorted(left) == [".lock", "build.log"]
    assert tree.builds == []


class FakeZig:
    """Takes every call of zig, leaves an empty result, and keeps "objects" where zig would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        FakeCompiler(monkeypatch, tmp_path)
        monkeypatch.setattr(cross, "build", zig.build)
        monkeypatch.setattr(zig, "_check", lambda _path, _target, _symbols: None)
        monkeypatch.setattr(zig, "_TELL_SECONDS", 0.01)
        monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
        monkeypatch.setattr(subprocess, "run", self._run)
        self.kept = tmp_path / "cache" / "zig" / "o"
        self.calls: list[list[str]] = []
        self.libraries_may_end = threading.Event()
        self.libraries_may_end.set()

    def _run(
        self, command: list[str], cwd: Path, env: dict[str, str], **_options: object
    ) -> subprocess.CompletedProcess[str]:
        assert env["ZIG_GLOBAL_CACHE_DIR"] == str(self.kept.parent)
        self.calls.append(command)
        if command[-3].removesuffix(".cc") in cross.ANDROID_ABIS:
            for number in range(30):
                (self.kept / str(number)).mkdir(parents=True, exist_ok=True)
            assert self.libraries_may_end.wait(60)
        (cwd / command[-1]).write_text("")
        return subprocess.CompletedProcess(command, 0, "", "")


def test_symbols_are_a_matter_of_the_link_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So what is counted or disassembled by name is the code that is shipped, and zig has compiled it already."""
    fake = FakeZig(monkeypatch, tmp_path)
    cross.harness("arm64-v8a")
    shipped, fake.calls = fake.calls, []
    sources = cross.runtime_sources()
    assert sources is not None
    zig.build({cross.TARGETS["arm64-v8a"]: tmp_path / "named"}, sources, quiet, symbols=True)

    def flags(calls: list[list[str]], compiled: bool) -> list[list[str]]:
        chosen = [call for call in calls if ("-c" in call) == compiled and not call[-1].startswith("arm64")]
        return [[word for word in call if not word.startswith("/")] for call in chosen]

    assert sorted(flags(fake.calls, True)) == sorted(flags(shipped, True))
    [link], [link_with_symbols] = flags(shipped, False), flags(fake.calls, False)
    assert "-s" in link
    assert "-s" not in link_with_symbols


def test_objects_are_compiled_without_the_linker_s_flags(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With --gc-sections zig would leave nothing of an object. The link gets them in the order of their names."""
    fake = FakeZig(monkeypatch, tmp_path)
    said: list[str] = []
    cross.harness("arm64-v8a", said.append)
    compiled = [call for call in fake.calls if "-c" in call]
    assert {call[call.index("-c") + 1] for call in compiled} == {"src/a.cc", "harness/src/main.cc"}
    assert not [word for call in compiled for word in call if word.startswith("-Wl,")]
    empty, link = [call for call in fake.calls if "-c" not in call]
    assert "arm64-v8a.cc" in empty
    # zig keeps its libraries by the flags: with others, the link would make them again.
    ours = [word for word in link if not word.endswith(".o") and word != link[-1]]
    assert ours == [word for word in empty if word != "arm64-v8a.cc" and word != empty[-1]]
    assert "-Wl,--gc-sections" in link
    assert [Path(word).name for word in link if word.endswith(".o")] == ["0.o", "1.o"]
    assert "2 of 2 files" in said[-2]


def test_progress_goes_on_while_zig_makes_its_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = FakeZig(monkeypatch, tmp_path)
    fake.libraries_may_end.clear()
    monkeypatch.setattr(zig, "_cores", lambda: 4)  # one for the objects, while each target's libraries hold one
    said: list[str] = []

    def tell(message: str) -> None:
        said.append(message)
        if "6 of 6 files; of zig's C and C++ libraries 24 files" in message:  # 30 kept, of which 6 are counted as ours
            fake.libraries_may_end.set()

    cross.harnesses(cross.ANDROID_ABIS, tell)
    assert fake.libraries_may_end.is_set()
    assert said[-1] == "linking the harness for arm64-v8a, armeabi-v7a, x86_64"


def test_without_zig_the_message_says_what_to_do(compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    zig.zig_version.cache_clear()
    with pytest.raises(UnavailableError, match="pip install ziglang"):
        cross.harness("arm64-v8a")
    zig.zig_version.cache_clear()


def test_a_cache_that_cannot_be_written(
    compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UnavailableError, match="cannot build the harness for arm64-v8a in"):
        cross.harness("arm64-v8a")


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x02\x01" + bytes(30)])
def test_what_is_no_elf_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(InputError):
        read_elf(tmp_path / "x")
