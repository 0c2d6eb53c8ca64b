# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A judge for converters: an ONNX graph through passes and converter, run by real Caffe2, held against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.caffe2 import environment, find_python
from mdeploy.backends.caffe2.backend import BACKEND, Caffe2NetRunner
from mdeploy.caffe2.check import check_nets
from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.pair import NetPair
from mdeploy.caffe2.translate import translate
from mdeploy.errors import MdeployError
from mdeploy.onnx.pipeline import run_passes
from mdeploy.onnx.prepare import prepare
from mdeploy.onnx.shapes import infer_shapes

_TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


@dataclass(frozen=True)
class Verdict:
    """Caffe2's operators, their arguments, and the outputs of both sides, which were found equal."""

    operators: list[str]
    arguments: list[dict[str, Any]]
    outputs: list[Any]


def _make_model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Any],
    outputs: Sequence[str] = ("y",),
    constants: Mapping[str, Any] | None = None,
    opset: int = 17,
) -> onnx.ModelProto:
    """An ONNX model whose inputs have the shapes of the given arrays."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(name, _TYPES[str(a.dtype)], a.shape) for name, a in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        initializer=[numpy_helper.from_array(np.asarray(a), name) for name, a in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


@pytest.fixture
def make_model() -> Callable[..., onnx.ModelProto]:
    """Build an ONNX model of a few nodes."""
    return _make_model


@pytest.fixture(scope="session")
def caffe2_runner() -> Iterator[Caffe2NetRunner]:
    """Real Caffe2, started once."""
    if find_python() is None:
        pytest.skip(f"real Caffe2 is not set up: {environment.INSTALL_COMMAND}")
    runner = BACKEND.net_runner(PrepareOptions(threads=1))
    yield runner
    runner.close()


class RawCaffe2:
    """Real Caffe2 given one operator exactly as it stands, past the builder that would not write it."""

    def __init__(self, runner: Caffe2NetRunner) -> None:
        self._runner = runner

    def run(
        self, kind: str, inputs: Mapping[str, Any], outputs: int = 1, name: str = "", **args: Any
    ) -> tuple[Any, list[str]]:
        """Its first output, and what our checker says about the net."""
        predict = NetDef(name="raw_predict", external_input=list(inputs), external_output=["y"])
        op = predict.op.add(type=kind, input=list(inputs), output=["y", "y2", "y3"][:outputs], name=name)
        for key, value in args.items():
            argument = op.arg.add(name=key)
            if isinstance(value, str):
                argument.s = value.encode()
            elif isinstance(value, float):
                argument.f = value
            elif isinstance(value, int):
                argument.i = value
            else:
                argument.ints.extend(value)
        return self.run_net(predict, inputs)[0], check_nets(NetPair(NetDef(name="raw_init"), predict))

    def run_net(self, predict: Any, inputs: Mapping[str, Any]) -> list[Any]:
        """External outputs of a net without weights."""
        init = NetDef(name="raw_init").SerializeToString()
        fetch = list(predict.external_output)
        blobs = self._runner.run_nets(NetPair(init, predict.SerializeToString()), dict(inputs), fetch)
        return [blobs[name] for name in fetch]

    def refuses(self, kind: str, inputs: Mapping[str, Any], **more: Any) -> None:
        """Assert that it stops at the operator."""
        with pytest.raises(MdeployError):
            self.run(kind, inputs, **more)


@pytest.fixture
def raw(caffe2_runner: Caffe2NetRunner) -> RawCaffe2:
    """One operator in real Caffe2, as it stands."""
    return RawCaffe2(caffe2_runner)


@pytest.fixture
def judge(caffe2_runner: Caffe2NetRunner) -> Callable[..., Verdict]:
    """Convert a graph, run it in real Caffe2, and assert that onnxruntime computes the same from the same file."""

    def check(
        nodes: onnx.NodeProto | Sequence[onnx.NodeProto],
        inputs: Mapping[str, Any],
        tolerance: float = 1e-5,
        skip: Sequence[str] = (),
        **more: Any,
    ) -> Verdict:
        nodes = [nodes] if isinstance(nodes, onnx.NodeProto) else nodes
        model = _make_model(nodes, inputs, **more)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        expected = session.run(None, dict(inputs))

        prepared = prepare(ir.from_proto(model)).model
        arrays = list(inputs.values())
        final = run_passes(prepared, [arrays], skip).model
        infer_shapes(final, arrays)
        net = translate(final, "test")
        pair = net.build()
        assert check_nets(pair) == []
        feeds = dict(zip(net.inputs, arrays, strict=True))
        blobs = caffe2_runner.run_nets(pair, feeds, net.outputs)
        outputs = [blobs[name] for name in net.outputs]
        for found, right in zip(outputs, expected, strict=True):
            assert found.shape == right.shape
            assert found.dtype == right.dtype
            np.testing.assert_allclose(found, right, rtol=tolerance, atol=tolerance)
        return Verdict([op.type for op in net.operators], [op.args for op in net.operators], outputs)

    return check
