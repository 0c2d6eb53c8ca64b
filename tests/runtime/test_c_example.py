# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""examples/c builds and runs, from the tree and from an installed prefix, by CMake and by pkg-config."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.formats.artifact import Artifact

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror")
SHAPE = ("1", "3", "32", "32")


def call(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def artifact(bundled_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return convert(bundled_checkpoint, ConvertOptions(output=tmp_path_factory.mktemp("c") / "out")).artifact


@pytest.fixture(scope="module")
def prefix(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build that `make setup` made, brought up to date and installed somewhere."""
    build, place = repository / "build" / "native", tmp_path_factory.mktemp("prefix")
    if not (build / "CMakeCache.txt").is_file():
        call("cmake", "-S", repository / "runtime", "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release")
    call("cmake", "--build", build, "--target", "mdeploy_runtime", "mdeploy_runtime_shared")
    call("cmake", "--install", build, "--prefix", place)
    moved = place.with_name(f"{place.name}-moved")  # a prefix is no path that was built in
    return place.rename(moved)


def answers(program: Path, artifact: Artifact, case: str, **environment: str) -> np.ndarray:
    nets = (artifact.path / "init_net.pb", artifact.path / "predict_net.pb")
    said = call(program, *nets, artifact.path / "golden" / case / "input_0.npy", *SHAPE, **environment)
    return np.array([float(line) for line in said.splitlines()], np.float32)


def check(program: Path, artifact: Artifact, **environment: str) -> None:
    for case in ("zeros", "ones", "random"):
        expected = np.load(artifact.path / "golden" / case / "output_0.npy").ravel()
        found = answers(program, artifact, case, **environment)
        assert found.shape == expected.shape
        assert np.all(np.abs(found - expected) <= 1e-5 * np.maximum(1, np.abs(expected)))


def compile_in_tree(repository: Path, program: Path) -> None:
    library = repository / "toolkit" / "mdeploy" / "_native"
    source = repository / "examples" / "c" / "run_net.c"
    links = ("-L", library, "-lmdeploy_runtime", f"-Wl,-rpath,{library}")
    call("cc", *STRICT, "-I", repository / "runtime" / "include", source, "-o", program, *links)


def test_from_the_tree(repository: Path, artifact: Artifact, tmp_path: Path) -> None:
    compile_in_tree(repository, tmp_path / "run_net")
    check(tmp_path / "run_net", artifact)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({0: "missing.pb"}, 3, "missing.pb"),
        ({6: "33"}, 3, "has not"),
        ({4: "5"}, 3, "operator #"),
        ({2: "missing.npy"}, 3, "missing.npy"),
    ],
)
def test_mistakes_are_told(
    change: dict[int, str], status: int, said: str, repository: Path, artifact: Artifact, tmp_path: Path
) -> None:
    compile_in_tree(repository, tmp_path / "run_net")
    folder = artifact.path
    words = [folder / "init_net.pb", folder / "predict_net.pb", folder / "golden" / "ones" / "input_0.npy", *SHAPE]
    command = [tmp_path / "run_net", *(change.get(index, word) for index, word in enumerate(words))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_by_cmake_from_a_prefix(repository: Path, prefix: Path, artifact: Artifact, tmp_path: Path) -> None:
    source = shutil.copytree(repository / "examples" / "c", tmp_path / "source")
    call("cmake", "-S", source, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", "-G", "Ninja")
    call("cmake", "--build", tmp_path / "build")
    check(tmp_path / "build" / "run_net", artifact)
    check(tmp_path / "build" / "run_net_static", artifact)


def test_by_pkg_config_from_a_prefix(repository: Path, prefix: Path, artifact: Artifact, tmp_path: Path) -> None:
    if shutil.which("pkg-config") is None:
        pytest.skip("pkg-config is not installed")
    [file] = prefix.rglob("mdeploy.pc")
    where = {"PKG_CONFIG_PATH": str(file.parent)}
    flags = call("pkg-config", "--cflags", "--libs", "mdeploy", **where).split()
    call("cc", *STRICT, repository / "examples" / "c" / "run_net.c", "-o", tmp_path / "run_net", *flags)
    path = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
    check(tmp_path / "run_net", artifact, **{path: str(file.parent.parent)})
    assert call("pkg-config", "--modversion", "mdeploy", **where).strip()
