# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""onnxsim."""

from __future__ import annotations

import logging

import onnx
import onnx_ir as ir

from mdeploy.onnx.light import proto_with_weights_as_inputs, restore_weights
from mdeploy.onnx.silence import silent_output

__all__ = ["simplify"]

_log = logging.getLogger(__name__)


def simplify(model: ir.Model) -> ir.Model | None:
    """Simplify by onnxsim: folds constants and shape chains, drops what nothing reads.

    ::

        Shape -> Gather -> Concat -> Reshape.shape    becomes    Reshape with a constant shape

    Weights stay outside, which is faster and leaves them as they are; ``fold-constants`` folds what hangs on them.
    Its own numeric check is off: every pass is checked here, by one rule.
    """
    import onnxsim

    before, weights = proto_with_weights_as_inputs(model)
    try:
        with silent_output():
            after, _ = onnxsim.simplify(before, check_n=0)
    except RuntimeError as error:  # it stops at some valid graphs; what it would have done, the next passes do too
        _log.info("onnxsim stopped: %s", error)
        return None
    if _structure(after) == _structure(before):
        return None
    return restore_weights(after, weights)


def _structure(model: onnx.ModelProto) -> list[tuple[object, ...]]:
    """Everything about the nodes but their names, which onnxsim gives where there are none."""
    return [(node.op_type, *node.input, *node.output, *node.attribute) for node in model.graph.node]
