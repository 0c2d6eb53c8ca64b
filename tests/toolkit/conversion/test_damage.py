# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Damaged ONNX files end in one line and an exit code for bad input, never in an internal error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdeploy.cli.main import run

MUTANTS = 60


@pytest.fixture(scope="module")
def whole() -> bytes:
    """A convolution, a pool, a reshape and a product."""
    generator = np.random.default_rng(0)
    constants = {
        "w": generator.normal(size=(2, 1, 3, 3)).astype(np.float32),
        "shape": np.array([1, 8], np.int64),
        "m": generator.normal(size=(8, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("MaxPool", ["c"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Reshape", ["p", "shape"], ["r"]),
        helper.make_node("MatMul", ["r", "m"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 1, 4, 4))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3))],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def code_of(data: bytes, folder: Path) -> int:
    (folder / "m.onnx").write_bytes(data)
    return run(["convert", str(folder / "m.onnx"), "-o", str(folder / "out")])


def test_the_whole_one_converts(whole: bytes, tmp_path: Path) -> None:
    assert code_of(whole, tmp_path) == 0


def test_mutants_are_refused_or_convert(whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(1)
    counts: dict[int, int] = {}
    for number in range(MUTANTS):
        data = bytearray(whole)
        for place in generator.integers(0, len(data), 1 + number % 3):
            data[place] = generator.integers(256) if number % 2 else data[place] ^ (1 << int(generator.integers(8)))
        if number % 5 == 0:
            data = data[: int(generator.integers(1, len(data)))]
        capsys.readouterr()
        code = code_of(bytes(data), tmp_path)
        said = capsys.readouterr().err
        assert code in (0, 1, 3, 4), f"mutant {number}: {said}"
        assert code == 0 or len([line for line in said.splitlines() if line.startswith("mdeploy: ")]) >= 1
        counts[code] = counts.get(code, 0) + 1
    assert counts[3] > MUTANTS // 4


@pytest.mark.parametrize("dimension", [-1, 0, 1 << 31, 1 << 62])
def test_a_weight_that_says_another_shape_than_its_data(
    dimension: int, whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.ModelProto.FromString(whole)
    model.graph.initializer[2].dims[0] = dimension
    assert code_of(model.SerializeToString(), tmp_path) == 3
    assert "m.onnx" in capsys.readouterr().err
