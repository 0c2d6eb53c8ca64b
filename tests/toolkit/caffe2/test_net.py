# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The builder: types of arguments, names, order of inputs, bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mdeploy.caffe2.net import NetBuilder, safe_name


def small() -> NetBuilder:
    net = NetBuilder("small")
    net.inputs, net.outputs = [net.blob("data")], [net.blob("y")]
    weight = net.weight(np.ones((2, 3, 1, 1), np.float32), "w")
    net.weight(np.ones(3, np.float32), "unused")
    hidden = net.blob("hidden")
    net.add("Conv", ["data", weight], [hidden], kernels=[1, 1], group=np.int64(1))
    net.add("LeakyRelu", [hidden], ["y"], alpha=1)
    return net


def test_fields_of_arguments() -> None:
    predict = small().build().predict
    conv, relu = predict.op
    kernels, group = conv.arg
    assert (list(kernels.ints), kernels.HasField("i"), kernels.HasField("f")) == ([1, 1], False, False)
    assert (group.i, group.HasField("i"), group.HasField("f")) == (1, True, False)
    alpha = relu.arg[0]
    assert (alpha.f, alpha.HasField("f"), alpha.HasField("i")) == (1.0, True, False)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("Conv", {"kernels": 3}),
        ("Conv", {"kernels": [1.5, 1]}),
        ("Conv", {"group": 1.0}),
        ("Conv", {"group": 2**63}),
        ("Conv", {"order": 1}),
        ("LeakyRelu", {"alpha": "1"}),
        ("LeakyRelu", {"alpha": [1.0]}),
    ],
)
def test_wrong_types_are_refused(kind: str, args: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        NetBuilder("n").add(kind, ["x", "w"][: 2 if kind == "Conv" else 1], ["y"], **args)


def test_arity_required_and_unknown_arguments() -> None:
    net = NetBuilder("n")
    with pytest.raises(ValueError, match="2 inputs, Caffe2 takes 3"):
        net.add("FC", ["x", "w"], ["y"])
    with pytest.raises(ValueError, match="1 outputs, Caffe2 takes 2"):
        net.add("Concat", ["x"], ["y"], axis=1)
    with pytest.raises(ValueError, match="requires is_test"):
        net.add("SpatialBN", list("xsbmv"), ["y"])
    with pytest.raises(ValueError, match="no argument 'ceil_mode'"):
        net.add("MaxPool", ["x"], ["y"], ceil_mode=1)


def test_data_comes_first_names_are_empty_and_unused_weights_are_left_out() -> None:
    pair = small().build()
    predict, init = pair.predict, pair.init
    assert list(predict.external_input) == ["data", "w"]
    assert list(predict.external_output) == ["y"]
    assert not any(op.HasField("name") for op in predict.op)
    assert [op.output[0] for op in init.op] == ["w"]
    assert (init.name, predict.name) == ("small_init", "small_predict")
    assert (small().parameters, pair.operators) == (6, {"Conv": 1, "LeakyRelu": 1})


def test_equal_builders_give_equal_bytes() -> None:
    first, second = small().build(), small().build()
    assert (first.init_bytes, first.predict_bytes) == (second.init_bytes, second.predict_bytes)
    assert first.init_bytes != small().build(packed=False).init_bytes


def test_names_are_safe_and_unique() -> None:
    net = NetBuilder("n")
    assert [net.blob("a b:c"), net.blob("a b:c"), net.blob("12"), net.blob("")] == ["a_b_c", "a_b_c_1", "b12", "blob"]
    assert safe_name("/layer1/conv/Conv_output_0") == "layer1/conv/Conv_output_0"
    assert safe_name("../../etc") == "etc"


def test_equal_small_constants_are_one_blob_and_types_are_told_apart() -> None:
    net = NetBuilder("n")
    a = net.weight(np.zeros(4, np.float32), "zeros")
    assert net.weight(np.zeros(4, np.float32), "other") == a
    assert net.weight(np.zeros((2, 2), np.float32), "shaped") != a
    assert net.weight(np.zeros(4, np.int32), "typed") != a
