# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Makes what is published: the source archive, and a wheel for every platform, all on this machine.

::

    python tools/wheels.py                              # everything, into dist/
    python tools/wheels.py manylinux_2_17_x86_64        # one platform
    python tools/wheels.py --without-app                # where Maven and aapt2 are missing: no APKs from these wheels

A wheel carries the runtime's library and the harness of its platform, the harness of every Android ABI and the app's
compiled base, so that ``mdeploy package`` needs neither a compiler nor an Android SDK. zig compiles against the C
library of 2012 and links its C++ library in, so a Linux wheel needs no libstdc++. Each is built in a tree that was
unpacked from the source archive, so the archive is shown to be whole.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from mdeploy.deployment.package.android_base import build_base
from mdeploy.deployment.package.cross import ANDROID_ABIS, PLATFORMS, harnesses, runtime_library
from mdeploy.errors import MdeployError

__all__ = ["NATIVE_LIMIT", "build_wheel", "main", "native_bytes", "native_files", "source_archive"]

ROOT = Path(__file__).resolve().parent.parent
NATIVE_LIMIT = 8_000_000
"""What the native part of a wheel may weigh, compressed, in bytes."""


def source_archive(folder: Path) -> Path:
    """Write the source archive of the tracked files into ``folder`` and return it."""
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "tree"
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, listing.split("\0")):
            if (ROOT / name).is_file():  # else deleted and not yet committed
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
        _setup(tree, "sdist", "--dist-dir", str(folder.resolve()))
    return max(folder.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)


def native_files(platform: str, folder: Path, app: bool) -> None:
    """Put what a wheel for ``platform`` carries into ``folder``, named as in ``mdeploy/_native``."""
    library = runtime_library(platform, _say)
    host = PLATFORMS[platform].abi
    folder.mkdir(parents=True)
    shutil.copy(library, folder / library.name)
    for abi, executable in harnesses(sorted({host, *ANDROID_ABIS}), _say).items():
        (folder / abi).mkdir()  # the platform's own too: Linux has the one that Android has
        shutil.copy(executable, folder / abi / executable.name)
    if app:
        shutil.copy(build_base(tell=_say), folder / "android-base.zip")


def build_wheel(archive: Path, platform: str, folder: Path, app: bool) -> Path:
    """Build the wheel for ``platform`` out of the source archive into ``folder`` and return it."""
    with tempfile.TemporaryDirectory() as place:
        with tarfile.open(archive) as tar:
            tar.extractall(place, filter="data")
        (tree,) = Path(place).iterdir()
        native = Path(place) / "native"
        native_files(platform, native, app)
        tag = ("--plat-name", platform, "--dist-dir", str(folder.resolve()))
        _setup(tree, "bdist_wheel", *tag, MDEPLOY_NATIVE=str(native))
    (wheel,) = folder.glob(f"*-{platform}.whl")
    return wheel


def native_bytes(wheel: Path) -> int:
    """What the native files weigh in the wheel, compressed."""
    with zipfile.ZipFile(wheel) as file:
        return sum(entry.compress_size for entry in file.infolist() if entry.filename.startswith("mdeploy/_native/"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Build, say what each weighs, and let twine and auditwheel look at it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help=f"of {', '.join(PLATFORMS)}; all by default")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist", help="the folder, dist/ by default")
    parser.add_argument("--without-app", action="store_true", help="leave the Android app's base out")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.platforms if name not in PLATFORMS]
    if unknown:
        parser.error(f"no such platform: {', '.join(unknown)}; there are {', '.join(PLATFORMS)}")
    options.output.mkdir(parents=True, exist_ok=True)
    for old in (*options.output.glob("mdeploy-*.whl"), *options.output.glob("mdeploy-*.tar.gz")):
        old.unlink()
    try:
        archive = source_archive(options.output)
        wheels = [
            build_wheel(archive, platform, options.output, not options.without_app)
            for platform in options.platforms or PLATFORMS
        ]
    except MdeployError as error:
        sys.exit(f"wheels: {error}")
    print(f"{archive}\t{archive.stat().st_size} bytes")
    for wheel in wheels:
        print(f"{wheel}\t{wheel.stat().st_size} bytes, {native_bytes(wheel)} of them native")
    sys.exit(_check(archive, wheels))


def _check(archive: Path, wheels: Sequence[Path]) -> int:
    """What the tools of the field say; the exit code."""
    failed = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", archive, *wheels], check=False
    ).returncode
    for wheel in wheels:
        if native_bytes(wheel) > NATIVE_LIMIT:
            print(f"{wheel.name}: the native part is over {NATIVE_LIMIT} bytes", file=sys.stderr)
            failed = 1
        if "manylinux" in wheel.name:
            failed |= subprocess.run([sys.executable, "-m", "auditwheel", "show", wheel], check=False).returncode
    return failed


def _setup(tree: Path, *command: str, **environment: str) -> None:
    """Run a command of setup.py there. Its times are the commit's, so that the bytes are those of the commit."""
    epoch = (
        os.environ.get("SOURCE_DATE_EPOCH")
        or subprocess.run(
            ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", *command],
        cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"setup.py {command[0]} failed:\n{done.stdout}{done.stderr}")


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
