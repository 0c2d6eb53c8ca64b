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
from mdeploy.backends.caffe2 import BACKEND, Caffe2NetRunner
from mdeploy.backends.real_caffe2 import environment, find_python
from mdeploy.caffe2.check import check_nets, parse_net
from mdeploy.caffe2.translate import translate
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
        assert check_nets(parse_net(pair.init), parse_net(pair.predict)) == []
        feeds = dict(zip(net.inputs, arrays, strict=True))
        blobs = caffe2_runner.run_nets(pair.init, pair.predict, feeds, net.outputs)
        outputs = [blobs[name] for name in net.outputs]
        for found, right in zip(outputs, expected, strict=True):
            assert found.shape == right.shape
            assert found.dtype == right.dtype
            np.testing.assert_allclose(found, right, rtol=tolerance, atol=tolerance)
        return Verdict([op.type for op in net.operators], [op.args for op in net.operators], outputs)

    return check
