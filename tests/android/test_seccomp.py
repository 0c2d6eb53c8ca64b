# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The harness's system calls against the filter that Android puts on apps: a forbidden one ends the process.

``seccomp_app_policy.json`` holds the allowed numbers, as half-open ranges, and names where they come from. A shell over
adb has no such filter.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mdeploy.deployment.package.cross import harness
from mdeploy.deployment.package.layout import HARNESS_ARGUMENTS, payload
from mdeploy.formats.artifact import Artifact

POLICY = json.loads(Path(__file__).with_name("seccomp_app_policy.json").read_text())
TARGETS = {
    "arm64-v8a": ("qemu-aarch64-static", "any-linux-any/asm-generic/unistd.h", "aarch64-linux-any/asm/unistd_64.h"),
    "armeabi-v7a": ("qemu-arm-static", "arm-linux-any/asm/unistd-eabi.h", "arm-linux-any/asm/unistd.h"),
}
ARM_PRIVATE = {"cacheflush": 0xF0002, "set_tls": 0xF0005}
# What a phone does beyond a run under qemu: threads bound to cores, getprop and dumpsys as children.
ON_PHONES = ["sched_setaffinity", "execve", "wait4", "pipe2", "dup3", "kill", "nanosleep", "getrusage"]


def numbers(abi: str) -> dict[str, int]:
    """System call numbers by name, from the kernel headers that come with zig."""
    found = importlib.util.find_spec("ziglang")
    assert found is not None
    assert found.origin is not None
    include = Path(found.origin).parent / "lib" / "libc" / "include"
    known: dict[str, int] = dict(ARM_PRIVATE) if abi == "armeabi-v7a" else {}
    for name in TARGETS[abi][1:]:
        path = include / name
        for call, number in re.findall(
            r"#define __NR(?:3264)?_(\w+)\s+\(?(?:__NR_SYSCALL_BASE \+ )?(\d+)", path.read_text()
        ):
            known.setdefault(call, int(number))
    if abi == "arm64-v8a":  # generic names of what qemu prints by the 64-bit ones
        known.update(newfstatat=79, fstat=80, mmap=222, lseek=62, fcntl=25)
    return known


def is_allowed(abi: str, number: int) -> bool:
    return any(first <= number < last for first, last in POLICY[abi]["allowed"])


def traced(abi: str, artifact: Artifact, folder: Path) -> set[str]:
    """Names of the system calls of a whole run, and numbers of those that qemu cannot name."""
    emulator = shutil.which(TARGETS[abi][0])
    if emulator is None:
        pytest.skip(f"{TARGETS[abi][0]} is not installed")
    for name, path in payload(artifact).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / name)
    command = [emulator, "-strace", str(harness(abi)), *HARNESS_ARGUMENTS, "--threads", "3", "--report", "report.json"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    calls = set(re.findall(r"^\d+ (\w+)\(", done.stderr, re.MULTILINE))
    return calls | set(re.findall(r"Unknown syscall (\d+)", done.stderr))


@pytest.mark.parametrize("abi", TARGETS)
def test_every_call_is_allowed_in_an_app(abi: str, artifact: Artifact, tmp_path: Path) -> None:
    known = numbers(abi)
    calls = traced(abi, artifact, tmp_path)
    assert len(calls) > 15, "the trace was not read"
    assert "futex" in calls, "threads leave a trace"
    refused = [
        call for call in sorted(calls) if not is_allowed(abi, int(call) if call.isdigit() else known.get(call, -1))
    ]
    assert refused == []


@pytest.mark.parametrize("abi", TARGETS)
def test_what_only_phones_do_is_allowed_too(abi: str) -> None:
    known = numbers(abi)
    assert [call for call in ON_PHONES if not is_allowed(abi, known[call])] == []


def test_the_policy_forbids_something() -> None:
    assert not is_allowed("arm64-v8a", numbers("arm64-v8a")["rseq"])
    assert not is_allowed("arm64-v8a", numbers("arm64-v8a")["swapon"])
    assert not is_allowed("armeabi-v7a", numbers("armeabi-v7a")["swapon"])
