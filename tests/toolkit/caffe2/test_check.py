# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The checker says no to nets that real Caffe2 says no to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mdeploy.backends.caffe2.backend import Caffe2NetRunner
from mdeploy.caffe2.check import check_nets
from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.pair import NetPair
from mdeploy.errors import MdeployError

X = np.random.default_rng(0).standard_normal((1, 3, 4, 5)).astype(np.float32)


def pair() -> tuple[Any, Any]:
    """A net pair that Caffe2 takes: a weight, Conv, Relu in place."""
    init = NetDef(name="good_init")
    fill = init.op.add(type="GivenTensorFill", output=["w"])
    fill.arg.add(name="shape", ints=[2, 3, 1, 1])
    fill.arg.add(name="values", floats=[0.5] * 6)
    predict = NetDef(name="good_predict", external_input=["x", "w"], external_output=["y"])
    conv = predict.op.add(type="Conv", input=["x", "w"], output=["y"])
    conv.arg.add(name="kernels", ints=[1, 1])
    predict.op.add(type="Relu", input=["y"], output=["y"])
    return init, predict


def run(runner: Caffe2NetRunner, init: Any, predict: Any) -> Any:
    return runner.run_nets(
        NetPair(init.SerializeToString(), predict.SerializeToString()), {"x": X}, list(predict.external_output)
    )


def add(predict: Any, kind: str, inputs: list[str], outputs: list[str], name: str = "", **args: Any) -> None:
    """Put an operator in front, so that its faults and no others are met."""
    op = NetDef().op.add(type=kind, input=inputs, output=outputs, name=name)
    for key, value in args.items():
        argument = op.arg.add(name=key)
        if isinstance(value, float):
            argument.f = value
        elif isinstance(value, int):
            argument.i = value
        elif isinstance(value, str):
            argument.s = value.encode()
        else:
            argument.ints.extend(value)
    rest = [NetDef.FromString(predict.SerializeToString()).op[i] for i in range(len(predict.op))]
    del predict.op[:]
    predict.op.extend([op, *rest])


def test_a_good_pair(caffe2_runner: Caffe2NetRunner) -> None:
    init, predict = pair()
    assert check_nets(NetPair(init, predict)) == []
    assert run(caffe2_runner, init, predict)["y"].shape == (1, 2, 4, 5)


BAD: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "unknown type": (lambda i, p: add(p, "Nope", ["x"], ["z"]), "no such operator"),
    "unknown source": (lambda i, p: add(p, "Relu", ["ghost"], ["z"]), "'ghost' is neither"),
    "output never made": (lambda i, p: p.external_output.append("ghost"), "'ghost' is never produced"),
    "too few inputs": (lambda i, p: add(p, "FC", ["x", "w"], ["z"]), "2 inputs, it takes 3"),
    "too few outputs": (lambda i, p: add(p, "Concat", ["x"], ["z"], axis=1), "1 outputs, it takes 2"),
    "in place": (lambda i, p: add(p, "Softmax", ["x"], ["x"]), "same blob as input 0"),
    "float in i": (lambda i, p: add(p, "LeakyRelu", ["x"], ["z"], alpha=1), "in field i, it is read from f"),
    "int in f": (lambda i, p: add(p, "MaxPool", ["x"], ["z"], kernel=2.0), "in field f, it is read from i"),
    "two pads": (lambda i, p: add(p, "MaxPool", ["x"], ["z"], kernels=[2, 2], pads=[1, 1]), "want twice that"),
    "wide pads": (lambda i, p: add(p, "MaxPool", ["x"], ["z"], kernels=[2, 2], pads=[2, 0, 0, 0]), "not smaller"),
    "no kernel": (lambda i, p: add(p, "MaxPool", ["x"], ["z"]), "no kernel size"),
    "dilated pool": (lambda i, p: add(p, "MaxPool", ["x"], ["z"], kernels=[2, 2], dilations=[2, 2]), "dilation"),
    "name of a pool": (
        lambda i, p: add(p, "AveragePool", ["x"], ["z"], name="GlobalAveragePool_1", global_pooling=1),
        "makes Caffe2 want a kernel size",
    ),
    "required": (lambda i, p: add(p, "Dropout", ["x"], ["z"]), "'is_test' is required"),
    "axis and order": (lambda i, p: add(p, "Concat", ["x", "x"], ["z", "s"], axis=1, order="NCHW"), "axis and order"),
    "two cuts": (
        lambda i, p: add(p, "Slice", ["x"], ["z"], starts=[0, 1, 1, 0], ends=[-1, -1, -1, -1]),
        "2 dimensions are cut",
    ),
    "values for a shape": (lambda i, p: i.op[0].arg[0].ints.append(2), "6 values for shape"),
    "argument twice": (lambda i, p: p.op[0].arg.add(name="kernels", ints=[3, 3]), "given twice"),
}


@pytest.mark.parametrize("fault", BAD)
def test_both_refuse(caffe2_runner: Caffe2NetRunner, fault: str) -> None:
    spoil, message = BAD[fault]
    init, predict = pair()
    spoil(init, predict)
    problems = check_nets(NetPair(init, predict))
    assert any(message in problem for problem in problems), problems
    with pytest.raises(MdeployError):
        run(caffe2_runner, init, predict)


def test_data_after_weights_and_equal_names() -> None:
    # Caffe2 itself takes these, and then binds inputs to the wrong blobs or replaces the first net.
    init, predict = pair()
    predict.external_input[:] = ["w", "x"]
    predict.name = init.name
    text = " ".join(check_nets(NetPair(init, predict)))
    assert "'x' comes after weights" in text
    assert "two different names" in text


def test_unknown_arguments_and_engines_are_no_fault(caffe2_runner: Caffe2NetRunner) -> None:
    init, predict = pair()
    predict.op[0].arg.add(name="bogus", i=3)
    predict.op[0].engine = "NOPE"
    assert check_nets(NetPair(init, predict)) == []
    assert run(caffe2_runner, init, predict)["y"].shape == (1, 2, 4, 5)
