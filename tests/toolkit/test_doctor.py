# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""doctor: what it finds is there, what is missing has a remedy."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path

import pytest

from mdeploy.cli.main import run
from mdeploy.doctor import examine
from mdeploy.native.sources import RECORD, digest, is_current


def test_findings_are_true() -> None:
    findings = {(finding.kind, finding.name): finding for finding in examine().findings}
    assert findings["backend", "torch"].version == importlib.metadata.version("torch")
    assert findings["package", "numpy"].version == importlib.metadata.version("numpy")
    assert findings["tool", "C++ compiler"].found == any(map(shutil.which, ("c++", "g++", "clang++")))
    assert all(
        finding.version for finding in findings.values() if finding.found and finding.kind not in ("tool", "build")
    )


def test_what_is_missing_has_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("MDEPLOY_CAFFE2_PYTHON", raising=False)
    missing = {finding.name: finding for finding in examine().findings if not finding.found}
    assert {"adb", "qemu-aarch64", "caffe2"} <= set(missing)
    assert missing["caffe2"].install == "mdeploy doctor --install-caffe2"
    assert all(finding.install for finding in missing.values())
    assert missing["adb"].detail == "1 MB to fetch"


def test_a_tool_beside_this_python_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the environment is not activated, its programs are not on PATH."""
    program = tmp_path / "bin" / "cmake"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho cmake version 3.99.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(program.parent))
    (found,) = [finding for finding in examine().findings if finding.name == "cmake"]
    assert (found.found, found.version, found.detail) == (True, "3.99.1", str(program))


def test_a_missing_runtime_is_5(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mdeploy.native.library_path", _not_built)
    monkeypatch.setattr("mdeploy.native.abi.library", _not_built)
    assert run(["doctor", "--json"]) == 5
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert run(["doctor"]) == 5
    assert "missing" in capsys.readouterr().out


def test_a_build_of_other_sources(tmp_path: Path) -> None:
    runtime, native = tmp_path / "runtime", tmp_path / "_native"
    native.mkdir()
    assert is_current(native, runtime) is None  # no checkout: nothing to be older than
    for name in ("CMakeLists.txt", "src/ops/a.cc", "harness/src/b.h", "src/notes.md"):
        (runtime / name).parent.mkdir(parents=True, exist_ok=True)
        (runtime / name).write_text(name)
    assert is_current(native, runtime) is False
    (native / RECORD).write_text(digest(runtime) + "\n")
    assert is_current(native, runtime) is True
    (runtime / "src" / "notes.md").write_text("not compiled")
    assert is_current(native, runtime) is True
    (runtime / "src" / "ops" / "a.cc").write_text("changed")
    assert is_current(native, runtime) is False


def test_the_remedy_for_an_old_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdeploy.doctor.is_current", lambda _native, _runtime: False)
    (found,) = [finding for finding in examine().findings if finding.kind == "build"]
    assert (found.found, found.install, found.required) == (False, "make native", False)


def _not_built() -> None:
    from mdeploy.errors import UnavailableError

    raise UnavailableError("the mdeploy runtime is not built")


def test_table_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) in (0, 5)
    out = capsys.readouterr().out
    assert all(name in out for name in ("torch", "onnxruntime", "caffe2", "ziglang", "adb", "cmake"))
