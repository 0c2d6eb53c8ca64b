# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every intermediate tensor of an artifact's ONNX graph, under the names that its blobs have in the nets.

The converter names blobs after the ONNX values that they hold (made safe for files and shells), so the names join the
two sides; values whose safe names collide are left out rather than compared with the wrong blob.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx

from mdeploy.caffe2.net import safe_name
from mdeploy.errors import InputError, first_line
from mdeploy.onnx.session import PlainSession
from mdeploy.tensors import Array

__all__ = ["OnnxGraph"]


class OnnxGraph:
    """model.onnx, opened to look inside. Values go by the names of their blobs."""

    def __init__(self, path: Path) -> None:
        try:
            self.model = onnx.load(path)
        except Exception as error:  # protobuf's and onnx's own errors share no base
            raise InputError(f"{path}: cannot read the ONNX graph: {first_line(error)}") from error
        graph = self.model.graph
        values = [v.name for v in graph.input] + [name for node in graph.node for name in node.output if name]
        taken = Counter(safe_name(name) for name in values)
        self._value_of = {safe_name(name): name for name in values if taken[safe_name(name)] == 1}
        self._op_of = {name: node.op_type for node in graph.node for name in node.output}
        self._session: PlainSession | None = None

    def has(self, blob: str) -> bool:
        """Whether a blob holds one value of the graph."""
        return blob in self._value_of

    def value(self, blob: str) -> str:
        """ONNX name of the value that a blob holds."""
        return self._value_of[blob]

    def operator(self, blob: str) -> str:
        """ONNX operator that makes a blob's value; empty for inputs."""
        return self._op_of.get(self._value_of.get(blob, ""), "")

    def trace(self, inputs: Sequence[Array]) -> dict[str, Array]:
        """Run on onnxruntime, unoptimised, and return every value by blob name, in the graph's order."""
        made = [blob for blob, name in self._value_of.items() if name in self._op_of]
        if self._session is None:
            opened = onnx.ModelProto()
            opened.CopyFrom(self.model)
            del opened.graph.output[:]
            opened.graph.output.extend(onnx.ValueInfoProto(name=self._value_of[blob]) for blob in made)
            self._session = PlainSession(opened, "model.onnx with every value as an output")
        fed = {safe_name(v.name): array for v, array in zip(self.model.graph.input, inputs, strict=False)}
        return {**fed, **dict(zip(made, self._session.run(inputs), strict=True))}

    def cut(self, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> onnx.ModelProto | None:
        """Return the part of the graph between two sets of blobs, or None where the graph has no such part."""
        from onnx.utils import Extractor

        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        known = {v.name for v in (*model.graph.value_info, *model.graph.input, *model.graph.output)}
        for blob, array in {**inputs, **outputs}.items():
            if self._value_of[blob] not in known:
                kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
                info = onnx.helper.make_tensor_value_info(self._value_of[blob], kind, array.shape)
                model.graph.value_info.append(info)
        try:
            part = Extractor(model).extract_model(
                [self._value_of[blob] for blob in inputs], [self._value_of[blob] for blob in outputs]
            )
            onnx.checker.check_model(part)
        except (KeyError, ValueError, onnx.checker.ValidationError):
            return None
        return part
