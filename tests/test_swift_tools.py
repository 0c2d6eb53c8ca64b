# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""tools/swift: the copy of the sources that Swift builds, and the root that it runs in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tools.swift import root as swift_root_module
from tools.swift.inside import inside
from tools.swift.root import root_folder, swift_root
from tools.swift.tree import mirror, package_files

from mdeploy.errors import UnavailableError

ROOT = Path(__file__).resolve().parent.parent


def test_what_is_the_same_is_left_alone(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    for name in ("a/x.cc", "a/y.cc", "b/z.h"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    assert mirror(copy, source, ["a/x.cc", "a/y.cc", "b/z.h"]) == 3
    os.utime(copy / "a" / "x.cc", (1, 1))
    (source / "a" / "x.cc").touch()  # a fresh checkout: new date, old content
    (source / "a" / "y.cc").write_text("changed")
    assert mirror(copy, source, ["a/x.cc", "a/y.cc"]) == 2
    assert (copy / "a" / "x.cc").stat().st_mtime == 1
    assert (copy / "a" / "y.cc").read_text() == "changed"
    assert not (copy / "b").exists()


def test_the_package_is_what_swift_needs() -> None:
    names = package_files(ROOT)
    assert {"Package.swift", "runtime/include/mdeploy/mdeploy_runtime.h"} <= {*names}
    assert any(name.startswith("ios_harness/Tests/") for name in names)
    assert not [name for name in names if name.endswith("_test.cc")]


def test_no_root_without_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="apt-get and dpkg-deb are needed"):
        swift_root(lambda _: None)
    assert not list(tmp_path.iterdir())


def test_a_mirror_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/usr/bin/apt-get").exists():
        pytest.skip("not applicable: this is no Debian")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(swift_root_module, "_mirror", lambda: "http://127.0.0.1:9/debian")
    told: list[str] = []
    with pytest.raises(UnavailableError, match="apt-get does not give Swift's packages: E:"):
        swift_root(told.append)
    assert told == ["Swift: reading the package lists of Debian trixie"]
    assert not root_folder().exists()


def test_commands_run_in_the_root_and_leave_nothing_mounted(tmp_path: Path) -> None:
    if not root_folder().is_dir():
        pytest.skip("not applicable: no Swift here (make test-swift)")
    (tmp_path / "here").write_text("seen")
    before = Path("/proc/self/mounts").read_text()
    command = ["sh", "-c", "cat here; swift --version; echo $FIGURE; pwd"]
    done = inside(root_folder(), command, {"/src": tmp_path}, {"FIGURE": "8"}, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("seen")
    assert "Swift version 6" in done.stdout
    assert done.stdout.endswith("8\n/src\n")
    assert Path("/proc/self/mounts").read_text() == before
    assert inside(root_folder(), ["false"], {"/src": tmp_path}).returncode == 1


def test_where_nothing_may_be_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, "", "unshare: not permitted")
    )
    with pytest.raises(UnavailableError, match="lets nothing be mounted: unshare: not permitted"):
        inside(tmp_path, ["true"], {})
