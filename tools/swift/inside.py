# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a command with the folder of ``root.py`` as its root, by util-linux alone. Nothing stays mounted afterwards.

Root needs no more. Others need user namespaces, which a system may forbid.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mdeploy.errors import UnavailableError

__all__ = ["inside"]

# The mounts are in a namespace of their own and go with it. $1 is the root, then NUMBER pairs of folder and place.
_ENTER = """\
set -eu
root=$1 number=$2; shift 2
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
while [ "$number" -gt 0 ]; do mount --bind "$1" "$root$2"; shift 2; number=$((number - 1)); done
exec chroot "$root" "$@"
"""
_PATH = "/usr/libexec/swift/bin:/usr/bin"


def inside(
    root: Path,
    command: Sequence[str],
    folders: Mapping[str, Path],
    environment: Mapping[str, str] | None = None,
    **options: object,
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in ``/src``. ``folders`` are mounted: by their place in the root, which has /src,
    /build, /mnt/data, /mnt/reports and /mnt/work.

    ``options`` are those of ``subprocess.run``. Raises ``UnavailableError`` where this system lets nothing be mounted.
    """
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    if os.geteuid() != 0:
        unshare += ["--user", "--map-root-user"]
    probe = subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", root / "tmp"], capture_output=True, text=True)
    if probe.returncode != 0:
        raise UnavailableError(
            f"Swift runs in a root of its own, and this system lets nothing be mounted: {probe.stderr.strip()[:200]}; "
            "run this as root, or allow user namespaces"
        )
    variables = {"HOME": "/root", "PATH": _PATH, "LC_ALL": "C.UTF-8", **(environment or {})}
    mounts = [word for place, folder in folders.items() for word in (str(folder), place)]
    enter = ["sh", "-c", _ENTER, "enter", str(root), str(len(folders)), *mounts]
    clean = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in variables.items())]
    there = ["/usr/bin/sh", "-c", 'cd /src && exec "$@"', "inside", *command]
    return subprocess.run([*unshare, *enter, *clean, *there], text=True, **options)  # type: ignore[call-overload,no-any-return]
