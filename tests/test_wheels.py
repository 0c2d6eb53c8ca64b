# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A wheel, installed where there is no compiler and no torch: what works on artifacts works, the rest is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from tools import wheels as wheels_module

from mdeploy import api

PLATFORM = "manylinux_2_17_x86_64"
MEBIBYTE = 1 << 20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        (sys.platform, os.uname().machine) != ("linux", "x86_64"), reason="not applicable: no x86-64 Linux"
    ),
]


@pytest.fixture(scope="module")
def wheels(repository: Path) -> ModuleType:
    return wheels_module


@pytest.fixture(scope="module")
def wheel(wheels: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    found = wheels.build_wheel(wheels.source_archive(folder), PLATFORM, folder, app=False)
    assert isinstance(found, Path)
    return found


@pytest.fixture(scope="module")
def packages(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip put the wheel and all that it requires."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", folder, wheel]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def demo_artifact(bundled_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact that was made where torch is."""
    return api.convert(bundled_checkpoint, output=tmp_path_factory.mktemp("artifact") / "net").artifact.path


@pytest.fixture
def mdeploy(packages: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The installed command, in an environment that has nothing else: no site-packages, no compiler, no zig."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        program = f"import sys; sys.path.insert(0, {str(packages)!r}); from mdeploy.cli.main import main; main()"
        environment = {"HOME": str(tmp_path), "PATH": "", "MDEPLOY_CAFFE2_PYTHON": "", "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, "-I", "-S", "-c", program, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_what_a_wheel_carries(wheel: Path, wheels: ModuleType) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if name.startswith("mdeploy/_native/")}
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in file.infolist()}
    abis = ("arm64-v8a", "armeabi-v7a", "x86_64")
    executables = {f"mdeploy/_native/{abi}/mdeploy-harness" for abi in abis}
    assert names == {*executables, "mdeploy/_native/libmdeploy_runtime.so"}
    assert all(modes[name] & 0o111 for name in executables)
    assert wheels.native_bytes(wheel) < wheels.NATIVE_LIMIT
    shown = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", wheel], capture_output=True, text=True, check=True
    ).stdout
    assert f'platform tag: "{PLATFORM}"' in " ".join(shown.split())
    assert "libstdc++" not in shown


def test_a_light_installation_is_light(packages: Path) -> None:
    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    ours = sum(size(packages / name) for name in ("mdeploy", "mdeploy_training"))
    assert size(packages) < 130 * MEBIBYTE
    assert ours < 13 * MEBIBYTE
    assert not {"torch", "onnx", "onnxruntime", "ziglang"} & {path.name for path in packages.iterdir()}


def test_what_works_on_artifacts(
    mdeploy: Callable[..., subprocess.CompletedProcess[str]], demo_artifact: Path, repository: Path, tmp_path: Path
) -> None:
    model = str(demo_artifact)
    done = mdeploy("parity", model, "--tol", "1e-5", "--json")
    assert done.returncode == 0, done.stderr
    ran = {b["name"] for b in json.loads(done.stdout)["backends"] if b["status"] == "passed"}
    assert ran == {"mdeploy"}
    for command in (
        ("predict", model, repository / "examples" / "demo_picture.png"),
        ("inspect", model),
        ("bench", model, "--runs", "3", "--min-seconds", "0"),
        ("package", model, "--target", "android", "--no-apk"),
        ("package", model, "--target", "host"),
        ("history",),
        ("devices",),
    ):
        done = mdeploy(*command)
        assert done.returncode == 0, (command, done.stderr)
    assert {path.suffix for path in tmp_path.glob("*-android.zip")} == {".zip"}


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("convert", "CHECKPOINT"), "convert"),
        (("demo",), "convert"),
        (("parity", "ARTIFACT", "--layers"), "convert"),
        (("parity", "ARTIFACT", "--heatmap", "x.png"), "report"),
        (("collect",), "collect"),
    ],
)
def test_a_verb_that_needs_more_says_what_to_install(
    command: tuple[str, ...],
    extra: str,
    mdeploy: Callable[..., subprocess.CompletedProcess[str]],
    demo_artifact: Path,
    bundled_checkpoint: Path,
) -> None:
    places = {"ARTIFACT": str(demo_artifact), "CHECKPOINT": str(bundled_checkpoint)}
    done = mdeploy(*(places.get(word, word) for word in command))
    assert done.returncode == 5, done.stderr
    assert f"pip install 'mdeploy[{extra}]'" in done.stderr
    assert done.stderr.count("\n") == 1
