# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A folder with Debian 13's Swift, unpacked from packages that apt has checked. Nothing is installed on this machine.

Debian 12 has no Swift, and Debian 13's needs a newer libc than a Debian 12 machine has. So the packages are unpacked
into a folder of their own (no maintainer script runs), and ``inside.py`` runs commands with that folder as their root.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from mdeploy.errors import UnavailableError
from mdeploy.files import cache_folder
from mdeploy.progress import Tell

__all__ = ["root_folder", "swift_root"]

SUITE = "trixie"
PACKAGES = ("swiftlang", "bash", "coreutils", "dash", "libc6-dev", "libstdc++-14-dev")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MIRROR = "http://deb.debian.org/debian"
# What no build needs: about a third of it all.
_LEFT_OUT = (
    *("./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/perl*"),
    *("*/libexec/swift/bin/*lldb*", "*/bin/sourcekit-lsp", "*/bin/clangd", "*/bin/docc", "*/bin/repl_swift"),
    *("*/libexec/swift/lib/liblldb*", "*/libexec/swift/lib/libsourcekitdInProc*", "*/swift_static/*"),
    *("*/libexec/swift/lib/swift/embedded/*", "*/libexec/swift/lib/swift/wasi/*"),
)
_MOUNT_POINTS = ("proc", "dev", "tmp", "root", "etc", "src", "build", "mnt/data", "mnt/reports", "mnt/work")
_LINKED = ("bin", "sbin", "lib", "lib64")  # Debian's merged /usr


def root_folder() -> Path:
    """Where the folder is, once it is made."""
    recipe = repr((SUITE, PACKAGES, _LEFT_OUT, _MOUNT_POINTS))
    return cache_folder("swift") / f"root-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def swift_root(tell: Tell) -> Path:
    """Return the folder, made first where it is not there: some 550 MB of packages, then 1.4 GB of files.

    Raises ``UnavailableError`` saying what is missing: this is no Debian, or a mirror does not answer.
    """
    root = root_folder()
    if root.is_dir():
        return root
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise UnavailableError(
            "Swift for the tests is unpacked from Debian's packages: apt-get and dpkg-deb are needed"
        )
    if platform.machine() not in {"x86_64", "aarch64"}:
        raise UnavailableError(f"Debian has no Swift for {platform.machine()}")
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / ".root-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            _make(root, tell)
    return root


def _make(root: Path, tell: Tell) -> None:
    # Kept until all of it is there: a download that broke off goes on where it was.
    apt = root.parent / "packages"
    packages = _download(apt, tell)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".making-") as folder:
        partial = Path(folder) / "root"
        _unpack(packages, partial, tell)
        (partial / "packages.txt").write_text("".join(f"{package.name}\n" for package in packages))
        partial.rename(root)
    shutil.rmtree(apt)


def _download(apt: Path, tell: Tell) -> list[Path]:
    """All packages that ``PACKAGES`` need, with no word on what this machine has installed."""
    for name in ("lists/partial", "archives/partial"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {SUITE} main\n")
    settings = {
        "Dir::State": apt,
        "Dir::State::Lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt,
        "Dir::Cache::Archives": apt / "archives",
        "Dir::Etc::SourceList": apt / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Acquire::Languages": "none",
        "APT::Install-Recommends": "false",
        "APT::Update::Error-Mode": "any",
        # Its own user could not write below a home directory.
        "APT::Sandbox::User": "root",
    }
    command = ["apt-get", "-q", *(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))]
    tell(f"Swift: reading the package lists of Debian {SUITE}")
    _run([*command, "update"])
    size = _run([*command, "install", "--assume-no", *PACKAGES], may_fail=True)
    need = re.search(r"^Need to get (.*) of archives", size, re.M)
    after = re.search(r"^After this operation, (.*) of additional", size, re.M)
    tell(
        f"Swift: downloading {need[1] if need else 'packages'}, {after[1] if after else 'more'} when unpacked, into "
        f"{apt.parent}"
    )
    _run([*command, "install", "--assume-yes", "--download-only", *PACKAGES])
    return sorted((apt / "archives").glob("*.deb"))


def _mirror() -> str:
    """The mirror that this machine uses for its own packages."""
    places = [*Path("/etc/apt/sources.list.d").glob("*.sources"), Path("/etc/apt/sources.list")]
    for place in places:
        if place.is_file():
            found = re.search(r"^(?:URIs:|deb(?: \[[^]]*\])?)\s+(\S+/debian)/?(?:\s|$)", place.read_text(), re.M)
            if found:
                return found[1]
    return _MIRROR


def _unpack(packages: list[Path], root: Path, tell: Tell) -> None:
    # The links first, so that what packages have in /lib lands in /usr/lib.
    for name in _LINKED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    excluded = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    for number, package in enumerate(packages, 1):
        tell(f"Swift: unpacking {number} of {len(packages)}, {package.name.split('_')[0]}")
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
            options = ["--keep-directory-symlink", "--no-same-owner", *excluded]
            unpacked = subprocess.run(["tar", "-x", "-C", root, *options], stdin=archive.stdout, check=False)
        if unpacked.returncode != 0 or archive.returncode != 0:
            raise UnavailableError(f"cannot unpack {package.name}; is the disk full?")
    for name in _MOUNT_POINTS:
        (root / name).mkdir(parents=True, exist_ok=True)
    # Debian's package has swift-build and swift-run in /usr/bin, and no swift.
    swift = root / "usr" / "bin" / "swift"
    if not swift.exists():
        swift.symlink_to("../libexec/swift/bin/swift")


def _run(command: list[str], may_fail: bool = False) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0 and not may_fail:
        said = next((line for line in done.stderr.splitlines() if line.startswith("E:")), done.stderr[:300])
        raise UnavailableError(f"apt-get does not give Swift's packages: {said.strip()}")
    return done.stdout
