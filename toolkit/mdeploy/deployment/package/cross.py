# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The harness for every ABI: taken from the installed package, or built once by the zig cross-compiler and cached.

``python -m mdeploy.deployment.package.cross`` builds all of them. The cache is the user's and its key is the hash of
all that goes into a build, so that a second checkout builds nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mdeploy.deployment.package.zig import HARNESS, Target, build, flags, words, zig_version
from mdeploy.errors import MdeployError, UnavailableError, UsageError
from mdeploy.files import cache_folder
from mdeploy.native.sources import digest
from mdeploy.progress import Tell, quiet

__all__ = [
    "ANDROID_ABIS",
    "HARNESS",
    "PLATFORMS",
    "harness",
    "harnesses",
    "host_abi",
    "runtime_library",
    "runtime_sources",
]

ANDROID_ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")

_PACKAGE = Path(__file__).resolve().parents[2]
_RECIPE = "objects, then linked by name"  # a new recipe may give other bytes for the same sources
_LINE_SECONDS = 10.0  # between two lines of progress in a log

# musl, because a static executable of it makes only system calls that Android's seccomp policy for apps allows.
# ARMv7 phones since API 21 have NEON; the compiler must be told.
TARGETS = {
    target.abi: target
    for target in (
        Target("arm64-v8a", "aarch64-linux-musl", "aarch64"),
        Target("armeabi-v7a", "arm-linux-musleabihf", "arm", ("-mcpu=generic+v7a+neon+vfp4",)),
        Target("x86_64", "x86_64-linux-musl", "x86_64"),
        Target("macos-arm64", "aarch64-macos.11.0", ""),
        Target("macos-x86_64", "x86_64-macos.10.15", ""),
    )
}

# What a wheel for each platform carries, by the platform's tag; the oldest C library and macOS that the tag names.
PLATFORMS = {
    "manylinux_2_17_x86_64": Target("x86_64", "x86_64-linux-gnu.2.17", "x86_64", library=True),
    "manylinux_2_17_aarch64": Target("arm64-v8a", "aarch64-linux-gnu.2.17", "aarch64", library=True),
    "macosx_10_15_x86_64": Target("macos-x86_64", "x86_64-macos.10.15", "", library=True),
    "macosx_11_0_arm64": Target("macos-arm64", "aarch64-macos.11.0", "", library=True),
}


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


def harness(abi: str, tell: Tell = quiet) -> Path:
    """Return the harness executable for ``abi``: ``host``, or one of Android's. See ``harnesses``."""
    return harnesses([abi], tell)[abi]


def harnesses(abis: Sequence[str], tell: Tell = quiet) -> dict[str, Path]:
    """Return the harness executable for each of ``abis``: ``host``, or one of Android's.

    Looked for in the installed package, then in the cache; those found in neither are built together (minutes the first
    time). ``tell`` hears how far the build is.

    Raises:
        UsageError: there is no such ABI.
        UnavailableError: one is nowhere and cannot be built here; the message says what is missing.
    """
    found: dict[str, Path] = {}
    missing: dict[str, Target] = {}
    for abi in abis:
        target = TARGETS.get(host_abi() if abi == "host" else abi)
        if target is None:
            raise UsageError(f"ABI {abi}: must be host, {', '.join(ANDROID_ABIS)}")
        carried = _carried(abi, target)
        if carried is None:
            missing[abi] = target
        else:
            found[abi] = carried
    if missing:
        built = _cached_builds(list(missing.values()), tell)
        found |= {abi: built[target] for abi, target in missing.items()}
    return {abi: found[abi] for abi in abis}


def runtime_library(platform: str, tell: Tell = quiet) -> Path:
    """Return the runtime as a shared library for one of ``PLATFORMS``, built with the first call and then kept.

    Raises ``UnavailableError`` where it cannot be built; the message says what is missing.
    """
    target = PLATFORMS[platform]
    return _cached_builds([target], tell)[target]


def runtime_sources() -> Path | None:
    """The runtime's sources: of this source tree, or those that the installed package carries."""
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


def _key(target: Target, sources: Path) -> str:
    """SHA-256 of all that the executable depends on."""
    return digest(sources, repr((_RECIPE, target, flags(target), zig_version())).encode())


def _cached_builds(targets: Sequence[Target], tell: Tell) -> dict[Target, Path]:
    sources = runtime_sources()
    if sources is None:
        raise UnavailableError(
            f"no {targets[0].what.removeprefix('the ')} in this installation, and no runtime sources to build it from; "
            "reinstall mdeploy from a source tree or a wheel"
        )
    kept = cache_folder("harness")
    places = {target: kept / _key(target, sources) / target.abi / target.file for target in targets}
    if all(built.is_file() for built in places.values()):
        return places
    try:
        for built in places.values():
            built.parent.mkdir(parents=True, exist_ok=True)
        # One build at a time, whichever it is: it uses every core, and builds share zig's cache.
        with _lock(kept / ".lock", lambda: tell("waiting for another process that builds a harness")):
            wanted = {target: built for target, built in places.items() if not built.is_file()}
            if wanted:
                tell(f"building {words(wanted)} (minutes the first time, then kept in {kept})")
                build(wanted, sources, tell)
    except OSError as error:
        raise UnavailableError(f"cannot build {words(targets)} in {kept}: {error.strerror or error}") from error
    return places


@contextlib.contextmanager
def _lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Lines:
    """Progress as lines on stderr, for a log: one every few seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, message: str) -> None:
        if time.monotonic() >= self._next:
            print(message, file=sys.stderr, flush=True)
            self._next = time.monotonic() + _LINE_SECONDS


def main() -> int:
    """Build every harness; print where each one is."""
    try:
        for abi, path in harnesses(("host", *ANDROID_ABIS), _Lines()).items():
            print(f"{abi}\t{path}\t{path.stat().st_size} bytes")
    except MdeployError as error:
        print(f"mdeploy: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
