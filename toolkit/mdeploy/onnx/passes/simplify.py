# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""onnxsim."""

from __future__ import annotations

import contextlib
import io

import onnx_ir as ir

__all__ = ["simplify"]


def simplify(model: ir.Model) -> ir.Model | None:
    """Simplify by onnxsim: folds constants and shape chains, drops what nothing reads.

    ::

        Shape -> Gather -> Concat -> Reshape.shape    becomes    Reshape with a constant shape

    Its own numeric check is off: every pass is checked here, by one rule.
    """
    import onnxsim

    before = ir.to_proto(model)
    with contextlib.redirect_stdout(io.StringIO()):
        after, _ = onnxsim.simplify(before, check_n=0)
    if after.SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True):
        return None
    simplified: ir.Model = ir.from_proto(after)
    return simplified
