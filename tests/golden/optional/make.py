# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Makes tiny.onnx, tiny.tflite and tiny.pte: one small net in the forms of runtimes whose converters CI does not have.

``python tests/golden/optional/make.py`` after ``mdeploy doctor --install litert`` and ``--install executorch``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mdeploy.backends.optional.files import make_contents, maker
from mdeploy.backends.optional.module import NetSpec
from mdeploy.backends.table import info_of
from mdeploy.tensors import TensorSpec

HERE = Path(__file__).parent
SPEC = NetSpec((TensorSpec("x", (1, 3, 8, 8), "float32"),), (TensorSpec("y", (1, 5), "float32"),))


def tiny_net() -> onnx.ModelProto:
    """Conv, Relu, GlobalAveragePool, Reshape, Gemm, Softmax on [1, 3, 8, 8] to five classes."""
    generator = np.random.default_rng(11)
    weights = {
        "conv_w": generator.normal(0, 0.4, (4, 3, 3, 3)),
        "conv_b": generator.normal(0, 0.1, 4),
        "fc_w": generator.normal(0, 1.0, (5, 4)),
        "fc_b": generator.normal(0, 0.1, 5),
    }
    initializers = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    initializers.append(numpy_helper.from_array(np.array([1, 4], np.int64), "shape"))
    nodes = [
        helper.make_node("Conv", ["x", "conv_w", "conv_b"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Reshape", ["c", "shape"], ["d"]),
        helper.make_node("Gemm", ["d", "fc_w", "fc_b"], ["e"], transB=1),
        helper.make_node("Softmax", ["e"], ["y"], axis=-1),
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 3, 8, 8]), ("y", [1, 5]))]
    graph = helper.make_graph(nodes, "tiny", [values[0]], [values[1]], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main() -> None:
    model = tiny_net()
    onnx.checker.check_model(model, full_check=True)
    for name in ("litert", "executorch"):
        info = info_of(name)
        made = make_contents(info, maker(info), model.SerializeToString(), SPEC)
        for path, content in made.items():
            (HERE / path.split("/")[-1].replace("model.", "tiny.")).write_bytes(content)
    (HERE / "tiny.onnx").write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
