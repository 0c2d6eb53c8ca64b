# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Files from elsewhere in the one form that everything after works on."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdeploy.errors import InputError, UnsupportedError
from mdeploy.onnx.prepare import prepare
from mdeploy.onnx.session import PlainSession
from mdeploy.onnx.shapes import infer_shapes

node = helper.make_node


def model(shape: list[Any], dtype: int = TensorProto.FLOAT, as_inputs: bool = False) -> ir.Model:
    weight = numpy_helper.from_array(np.ones((2, 3, 1, 1), helper.tensor_dtype_to_np_dtype(dtype)), "w")
    inputs = [helper.make_tensor_value_info("x", dtype, shape)]
    if as_inputs:
        inputs.append(helper.make_tensor_value_info("w", dtype, [2, 3, 1, 1]))
    graph = helper.make_graph(
        [node("Conv", ["x", "w"], ["h"], doc_string="/home/somebody/train.py:3"), node("Relu", ["h"], ["y"])],
        "g",
        inputs,
        [helper.make_tensor_value_info("y", dtype, None)],
        initializer=[weight],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=3 if as_inputs else 8)
    helper.set_model_props(proto, {"author": "somebody"})
    loaded: ir.Model = ir.from_proto(proto)
    return loaded


def test_initializers_are_no_inputs_and_nothing_of_the_machine_stays() -> None:
    prepared = prepare(model([1, 3, 4, 4], as_inputs=True)).model
    assert [value.name for value in prepared.graph.inputs] == ["x"]
    assert b"somebody" not in ir.to_proto(prepared).SerializeToString()
    assert PlainSession(prepared).run([np.ones((1, 3, 4, 4), np.float32)])[0].shape == (1, 2, 4, 4)


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_other_precisions_become_float32(dtype: int) -> None:
    prepared = prepare(model([1, 3, 4, 4], dtype))
    assert prepared.cast
    assert prepared.model.graph.inputs[0].dtype == ir.DataType.FLOAT
    assert PlainSession(prepared.model).run([np.ones((1, 3, 4, 4), np.float32)])[0].dtype == np.float32
    assert not prepare(model([1, 3, 4, 4])).cast


def test_an_open_batch_is_one() -> None:
    assert prepare(model(["n", 3, 4, 4])).model.graph.inputs[0].shape == ir.Shape([1, 3, 4, 4])


@pytest.mark.parametrize("name", ["", "x"])
def test_input_shapes_fix_open_dimensions(name: str) -> None:
    prepared = prepare(model(["n", 3, "h", "w"]), {name: (2, 3, 8, 9)}).model
    infer_shapes(prepared)
    assert prepared.graph.outputs[0].shape == ir.Shape([2, 2, 8, 9])


def test_what_stays_open_is_refused_with_the_remedy() -> None:
    with pytest.raises(UnsupportedError, match=r"--input-shape x=1,3,224,224"):
        prepare(model(["n", 3, "h", "w"]))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"": (1, 4, 8, 8)}, "--input-shape says"),
        ({"": (1, 3, 8)}, "--input-shape says"),
        ({"image": (1, 3, 8, 8)}, "the inputs are x"),
    ],
)
def test_shapes_that_do_not_fit(shapes: dict[str, tuple[int, ...]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(model(["n", 3, "h", "w"]), shapes)


def test_shapes_that_inference_does_not_know_are_seen_in_a_run() -> None:
    graph = helper.make_graph(
        [node("NonZero", ["x"], ["i"]), node("Cast", ["i"], ["y"], to=1)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    prepared = prepare(ir.from_proto(onnx.shape_inference.infer_shapes(proto))).model
    infer_shapes(prepared, [np.array([0, 1, 0, 2], np.float32)])
    assert prepared.graph.outputs[0].shape == ir.Shape([1, 2])
