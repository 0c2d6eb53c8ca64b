# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Indexing at constant places and Einstein's sums, written out: onnxruntime runs both forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdeploy.onnx.passes.einsum import expand_einsum
from mdeploy.onnx.passes.indexing import expand_indexing
from mdeploy.onnx.session import PlainSession

SHAPE = (2, 3, 4, 5)


def model(
    op_type: str, constants: list[Any], shape: tuple[int, ...] = SHAPE, opset: int = 16, **attributes: Any
) -> Any:
    names = [f"c{index}" for index in range(len(constants))]
    graph = helper.make_graph(
        [helper.make_node(op_type, ["x", *names], ["y"], **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in zip(names, constants, strict=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)


def written_out(proto: Any, rewrite: Any, inputs: list[Any]) -> set[str]:
    """Compare both forms to the bit or to rounding, and return the operators of the second."""
    wanted = PlainSession(proto).run(inputs)[0]
    changed = rewrite(ir.from_proto(proto))
    assert changed is not None
    found = PlainSession(changed).run(inputs)[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    return {node.op_type for node in changed.graph}


RNG = np.random.default_rng(0)
NEW = RNG.standard_normal((2, 3, 2, 5)).astype(np.float32)
ELEMENTS = np.stack([RNG.permutation(4)[:2] for _ in range(30)], axis=1).reshape(2, 2, 3, 5).transpose(1, 2, 0, 3)


@pytest.mark.parametrize(
    ("op_type", "constants", "attributes"),
    [
        ("GatherND", [np.array([[0, 1], [1, -1]])], {}),
        ("GatherND", [np.array([[[0]], [[2]]])], {"batch_dims": 1}),
        ("GatherND", [np.array([[[0, 1], [1, 2]], [[2, 3], [0, -4]]])], {"batch_dims": 1}),
        ("GatherElements", [ELEMENTS], {"axis": 2}),
        ("GatherElements", [np.array([[[[-1, 0]]]])], {"axis": -1}),
        ("ScatterElements", [ELEMENTS, NEW], {"axis": 2}),
        ("ScatterND", [np.array([[0], [1]])[:1], RNG.random((1, 3, 4, 5)).astype(np.float32)], {}),
        ("ScatterND", [np.array([[1, 2], [0, -1]]), RNG.random((2, 4, 5)).astype(np.float32)], {}),
    ],
)
def test_indexing(op_type: str, constants: list[Any], attributes: dict[str, Any]) -> None:
    x = RNG.standard_normal(SHAPE).astype(np.float32)
    operators = written_out(model(op_type, constants, **attributes), expand_indexing, [x])
    assert operators <= {"Gather", "Reshape", "Concat"}


def test_what_adds_up_or_lies_outside_stays() -> None:
    added = model("ScatterND", [np.array([[0]]), np.ones((1, 3, 4, 5), np.float32)], reduction="add")
    assert expand_indexing(ir.from_proto(added)) is None
    assert expand_indexing(ir.from_proto(model("GatherND", [np.array([[7]])]))) is None


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("imjk,injk->imn", [(2, 3, 4, 5), (2, 6, 4, 5)]),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("bhqk,bhkd->bqhd", [(2, 3, 4, 5), (2, 3, 5, 6)]),
        ("...ij,...jk->...ik", [(2, 3, 4, 5), (2, 3, 5, 6)]),
        ("nchw,c->nhw", [(2, 3, 4, 5), (3,)]),
        ("ij,kl->ijkl", [(2, 3), (4, 5)]),
        ("ijkl->lj", [(2, 3, 4, 5)]),
        ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 5)]),
        ("ab,bc,ac->ab", [(2, 3), (3, 4), (2, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        (" i j , j k -> k i ", [(2, 3), (3, 4)]),
    ],
)
@pytest.mark.parametrize("opset", [12, 18])
def test_einsum(equation: str, shapes: list[tuple[int, ...]], opset: int) -> None:
    arrays = [RNG.standard_normal(shape).astype(np.float32) for shape in shapes]
    names = [f"x{index}" for index in range(len(shapes))]
    graph = helper.make_graph(
        [helper.make_node("Einsum", names, ["y"], equation=equation)],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(names, shapes, strict=True)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    np.testing.assert_allclose(PlainSession(proto).run(arrays)[0], np.einsum(equation, *arrays), rtol=1e-4, atol=1e-5)
    assert "Einsum" not in written_out(proto, expand_einsum, arrays)


def test_a_diagonal_stays() -> None:
    assert expand_einsum(ir.from_proto(model("Einsum", [], (3, 3), equation="ii->i"))) is None
