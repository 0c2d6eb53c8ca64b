# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What the numbers of an output mean, read off the graph where the source does not say."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

__all__ = ["output_meanings"]

_MEANINGS = {"Softmax": "probabilities", "LogSoftmax": "log_probabilities"}
_PASSING_ON = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Transpose", "Cast")


def output_meanings(model: ir.Model, declared: Sequence[str] = ()) -> list[str]:
    """Meaning of each output: as declared, else by the operator that makes it, else logits.

    ``model`` is the graph before LogSoftmax is written out.
    """
    found = [_meaning(value) for value in model.graph.outputs]
    return [*declared, *found[len(declared) :]][: len(found)]


def _meaning(value: ir.Value) -> str:
    node = value.producer()
    while node is not None and node.op_type in _PASSING_ON and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    return _MEANINGS.get(node.op_type, "logits") if node is not None else "logits"
