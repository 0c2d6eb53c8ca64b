# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Multiply-accumulates against loops written out by hand: every product of two numbers counts one."""

from __future__ import annotations

from typing import Any

import onnx
import onnx_ir as ir
import pytest
from onnx import helper, shape_inference

from mdeploy.caffe2.macs import count_macs


def counted(kind: str, left: tuple[int, ...], right: tuple[int, ...], **attributes: Any) -> int:
    inputs = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in (("a", left), ("b", right))]
    node = helper.make_node(kind, ["a", "b"], ["y"], **attributes)
    graph = helper.make_graph([node], "g", inputs, [helper.make_empty_tensor_value_info("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    return count_macs(ir.from_proto(shape_inference.infer_shapes(model, strict_mode=True)))


@pytest.mark.parametrize(
    ("kind", "left", "right", "attributes", "macs"),
    [
        ("Conv", (2, 6, 5, 7), (4, 3, 3, 3), {"group": 2}, 2 * 4 * (3 * 5) * (3 * 3 * 3)),
        ("Conv", (1, 3, 8, 8), (4, 3, 3, 3), {"pads": [1, 1, 1, 1], "strides": [2, 2]}, 4 * (4 * 4) * (3 * 3 * 3)),
        ("ConvTranspose", (1, 6, 5, 7), (6, 2, 3, 3), {"group": 2, "strides": [2, 2]}, 6 * (5 * 7) * (2 * 3 * 3)),
        ("Gemm", (3, 5), (5, 7), {}, 3 * 5 * 7),
        ("Gemm", (5, 3), (5, 7), {"transA": 1}, 3 * 5 * 7),
        ("Gemm", (3, 5), (7, 5), {"transB": 1}, 3 * 5 * 7),
        ("MatMul", (2, 4, 3, 5), (5, 7), {}, 2 * 4 * 3 * 5 * 7),
        ("Add", (3, 5), (3, 5), {}, 0),
    ],
)
def test_macs_of_a_node(
    kind: str, left: tuple[int, ...], right: tuple[int, ...], attributes: dict[str, Any], macs: int
) -> None:
    assert counted(kind, left, right, **attributes) == macs
