# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Passes: what each does to a graph, that it is checked, and that it can be left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdeploy.conversion.double import answers_in_double
from mdeploy.errors import CheckFailed, UsageError
from mdeploy.onnx.passes import PIPELINE, GraphPass
from mdeploy.onnx.passes.editing import Rewriter
from mdeploy.onnx.pipeline import check_pass_names, largest_difference, run_passes
from mdeploy.onnx.prepare import prepare

node = helper.make_node


def build(
    nodes: Sequence[Any], shape: tuple[int, ...], constants: dict[str, Any] | None = None, opset: int = 17
) -> ir.Model:
    """A prepared graph from x to y."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        initializer=[numpy_helper.from_array(np.asarray(a), n) for n, a in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return prepare(ir.from_proto(onnx.shape_inference.infer_shapes(model))).model


def run(model: ir.Model, shape: tuple[int, ...], only: str, skip: Sequence[str] = ()) -> tuple[list[str], Any]:
    """Run one pass; its record is the second of the pair."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    result = run_passes(model, [[x]], skip, [item for item in PIPELINE if item.name == only])
    return [n.op_type for n in result.model.graph], result.records[0]


CASES = {
    "simplify": (
        [node("Shape", ["x"], ["s"]), node("Gather", ["s", "i"], ["n"]), node("Unsqueeze", ["n", "z"], ["m"]),
         node("Concat", ["m", "r"], ["t"], axis=0), node("Reshape", ["x", "t"], ["y"])],
        {"i": np.array(0), "z": np.array([0]), "r": np.array([-1])}, ["Reshape"],
    ),
    "fold-constants": (
        [node("Shape", ["x"], ["s"]), node("Cast", ["s"], ["f"], to=1), node("ReduceProd", ["f"], ["p"]),
         node("Mul", ["x", "p"], ["y"])],
        {}, ["Mul"],
    ),
    "remove-no-ops": (
        [node("Identity", ["x"], ["a"]), node("Dropout", ["a"], ["b"]), node("Reshape", ["b", "s"], ["c"]),
         node("Transpose", ["c"], ["d"], perm=[0, 1, 2, 3]), node("Relu", ["d"], ["y"])],
        {"s": np.array([2, 3, 4, 5])}, ["Relu"],
    ),
    "global-pool": (
        [node("ReduceMean", ["x"], ["y"], axes=[-1, -2], keepdims=0)], {}, ["GlobalAveragePool", "Reshape"],
    ),
    "decompose-log-softmax": (
        [node("LogSoftmax", ["x"], ["y"], axis=1)], {}, ["ReduceMax", "Sub", "Exp", "ReduceSum", "Log", "Sub"],
    ),
    "softmax-last-axis": ([node("Softmax", ["x"], ["y"], axis=1)], {}, ["Transpose", "Softmax", "Transpose"]),
    "expand-indexing": (
        [node("GatherND", ["x", "i"], ["y"])], {"i": np.array([[0, 1], [1, -1]])}, ["Reshape", "Gather", "Reshape"],
    ),
    "expand-einsum": (
        [node("Einsum", ["x", "x"], ["y"], equation="abcd,abed->abce")],
        {}, ["Reshape", "Transpose", "Reshape", "MatMul", "Reshape"],
    ),
    "expand-functions": ([node("MeanVarianceNormalization", ["x"], ["y"])], {}, None),
}  # fmt: skip


def test_every_pass_is_tested_and_documented() -> None:
    assert {item.name for item in PIPELINE} == set(CASES)
    assert all("::" in (item.apply.__doc__ or "") and item.summary for item in PIPELINE)


@pytest.mark.parametrize("name", CASES)
def test_a_pass_changes_what_it_should_and_no_numbers(name: str) -> None:
    nodes, constants, expected = CASES[name]
    # The definition of MeanVarianceNormalization is written for opset 18; the reductions here are spelt as before it.
    opset = 18 if name == "expand-functions" else 17
    operators, record = run(build(nodes, (2, 3, 4, 5), constants, opset), (2, 3, 4, 5), name)
    assert expected is None or operators == expected
    assert "MeanVarianceNormalization" not in operators
    assert record.applied
    assert record.max_abs is not None
    assert record.max_abs <= 1e-5


def test_a_definition_names_the_node_that_it_came_from() -> None:
    model = build([node("MeanVarianceNormalization", ["x"], ["y"], name="norm")], (2, 3, 4, 5), opset=18)
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    result = run_passes(model, [[x]], passes=[PIPELINE[0]])
    names = [item.name or "" for item in result.model.graph]
    assert all(name.endswith(" of norm (MeanVarianceNormalization)") for name in names)
    assert len(set(names)) == len(names) > 3


@pytest.mark.parametrize("name", CASES)
def test_a_pass_can_be_left_out(name: str) -> None:
    nodes, constants, _ = CASES[name]
    operators, record = run(build(nodes, (2, 3, 4, 5), constants), (2, 3, 4, 5), name, skip=[name])
    assert operators == [n.op_type for n in nodes]
    assert (record.applied, record.max_abs) == (False, None)


@pytest.mark.parametrize("name", CASES)
def test_a_pass_finds_nothing_in_a_plain_graph(name: str) -> None:
    operators, record = run(build([node("Relu", ["x"], ["y"])], (2, 3)), (2, 3), name)
    assert operators == ["Relu"]
    assert not record.applied


@pytest.mark.parametrize(
    ("nodes", "shape"),
    [
        ([node("ReduceMean", ["x"], ["y"], axes=[1, 2])], (2, 3, 4, 5)),
        ([node("ReduceMean", ["x"], ["y"], axes=[2, 3])], (1, 2, 3, 4, 5)),
        ([node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3])], (2, 3, 4, 5)),
        ([node("AveragePool", ["x"], ["y"], kernel_shape=[4, 5], pads=[1, 1, 1, 1])], (2, 3, 4, 5)),
    ],
)
def test_what_is_no_global_pool_stays(nodes: list[Any], shape: tuple[int, ...]) -> None:
    assert not run(build(nodes, shape), shape, "global-pool")[1].applied


def test_no_op_look_alikes_stay() -> None:
    shape = (2, 3, 4, 5)
    reversed_rows = {"s": np.array([-1]), "e": np.array([-(2**63)]), "a": np.array([2]), "t": np.array([-1])}
    for nodes, constants in (
        ([node("Slice", ["x", "s", "e", "a", "t"], ["h"]), node("Relu", ["h"], ["y"])], reversed_rows),
        ([node("Pad", ["x", "p"], ["h"]), node("Relu", ["h"], ["y"])], {"p": np.array([0, 0, 1, 0, 0, 0, -1, 0])}),
        ([node("Transpose", ["x"], ["h"], perm=[1, 0, 2, 3]), node("Relu", ["h"], ["y"])], {}),
    ):
        assert not run(build(nodes, shape, constants), shape, "remove-no-ops")[1].applied


def test_a_pass_that_changes_the_numbers_is_named_and_can_be_skipped() -> None:
    def spoil(model: ir.Model) -> ir.Model:
        """Turn every Relu into a Sigmoid."""
        for item in model.graph:
            item.op_type = "Sigmoid"
        return model

    x = np.ones((2, 3), np.float32)
    spoiler = GraphPass("spoil", spoil)
    with pytest.raises(CheckFailed, match=r"pass spoil changed the numbers: .* --skip-pass spoil"):
        run_passes(build([node("Relu", ["x"], ["y"])], (2, 3)), [[x]], (), [spoiler])
    result = run_passes(build([node("Relu", ["x"], ["y"])], (2, 3)), [[x]], ("spoil",), [spoiler])
    assert not result.records[0].applied


ROUNDS = {"c": np.array(1000, np.float32), "f": np.array(100, np.float32)}


def rounding_net() -> tuple[ir.Model, Any]:
    """A mean of large values less what they have in common: float32 keeps two digits, in whatever order it sums."""
    nodes = [node("ReduceMean", ["x"], ["m"], axes=[2, 3], keepdims=1), node("Sub", ["m", "c"], ["d"]),
             node("Mul", ["d", "f"], ["y"])]  # fmt: skip
    x = 1000 + np.random.default_rng(0).standard_normal((1, 4, 61, 67)).astype(np.float32)
    return build(nodes, x.shape, ROUNDS), x


def test_an_exact_pass_is_not_refused_for_rounding() -> None:
    pool = [item for item in PIPELINE if item.name == "global-pool"]
    model, x = rounding_net()
    with pytest.raises(CheckFailed, match="pass global-pool changed the numbers"):
        run_passes(model, [[x]], passes=pool)
    model, x = rounding_net()
    result = run_passes(model, [[x]], passes=pool, judge=answers_in_double)
    assert [item.op_type for item in result.model.graph] == ["GlobalAveragePool", "Sub", "Mul"]
    moved = result.records[0].max_abs
    assert moved is not None
    assert moved > 1e-4, "else this says nothing"


def test_what_is_not_exact_is_refused_however_much_the_net_rounds() -> None:
    def nudge(model: ir.Model) -> ir.Model:
        """Move a constant by one step of float32, which the rest of the net multiplies."""
        value = model.graph.initializers["c"]
        assert value.const_value is not None
        value.const_value = ir.tensor(np.nextafter(value.const_value.numpy(), np.float32(np.inf)), name="c")
        return model

    model, x = rounding_net()
    with pytest.raises(CheckFailed, match="pass nudge changed the numbers"):
        run_passes(model, [[x]], passes=[GraphPass("nudge", nudge)], judge=answers_in_double)


def test_an_exact_pass_that_rounds_much_worse_is_refused() -> None:
    def detour(model: ir.Model) -> ir.Model:
        """Add a million and take it away again."""
        (relu,) = model.graph
        rewriter = Rewriter(model, relu)
        large = rewriter.constant(np.array(1e6, np.float32))
        rewriter.finish(
            rewriter.add("Relu", [rewriter.add("Sub", [rewriter.add("Add", [relu.inputs[0], large]), large])])
        )
        return model

    x = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    with pytest.raises(CheckFailed, match="pass detour changed the numbers"):
        run_passes(build([node("Relu", ["x"], ["y"])], (2, 3)), [[x]], passes=[GraphPass("detour", detour)],
                   judge=answers_in_double)  # fmt: skip


def test_names_of_passes() -> None:
    check_pass_names(["simplify"])
    with pytest.raises(UsageError, match=r"no such pass; there are .*simplify"):
        check_pass_names(["simplyfy"])


@pytest.mark.parametrize(
    ("before", "after", "passes"),
    [
        ([0.0, 1.0], [0.0, 1.0 + 9e-6], True),
        ([0.0, 1.0], [0.0, 1.0 + 2e-5], False),
        ([0.0, 1000.0], [5e-3, 1000.0], True),
        ([np.nan, 1.0], [np.nan, 1.0], True),
        ([np.nan, 1.0], [1.0, np.nan], False),
        ([np.inf, 1.0], [-np.inf, 1.0], False),
        ([1.0, 1.0], [np.nan, 1.0], False),
    ],
)
def test_what_is_a_difference(before: list[float], after: list[float], passes: bool) -> None:
    left, right = np.array(before, np.float32), np.array(after, np.float32)
    difference, allowed = largest_difference([[left]], [[right]])
    assert (difference <= allowed) is passes


def test_another_shape_is_a_difference() -> None:
    assert largest_difference([[np.zeros(2)]], [[np.zeros((1, 2))]])[0] == np.inf
