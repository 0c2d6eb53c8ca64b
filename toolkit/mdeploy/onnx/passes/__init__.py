# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Graph passes, one file each, in the order of ``PIPELINE``.

A pass takes a model and returns it changed, or returns None when it found nothing to change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from mdeploy.onnx.passes.einsum import expand_einsum
from mdeploy.onnx.passes.expand_functions import expand_functions
from mdeploy.onnx.passes.fold_constants import fold_constants
from mdeploy.onnx.passes.global_pool import global_pool
from mdeploy.onnx.passes.indexing import expand_indexing
from mdeploy.onnx.passes.log_softmax import decompose_log_softmax
from mdeploy.onnx.passes.no_ops import remove_no_ops
from mdeploy.onnx.passes.simplify import simplify
from mdeploy.onnx.passes.softmax_axis import softmax_last_axis

__all__ = ["PIPELINE", "GraphPass"]


@dataclass(frozen=True)
class GraphPass:
    """A pass and the name by which ``--skip-pass`` switches it off."""

    name: str
    apply: Callable[[ir.Model], ir.Model | None]

    @property
    def summary(self) -> str:
        """First line of the pass's docstring."""
        return (self.apply.__doc__ or "").strip().splitlines()[0]


PIPELINE: tuple[GraphPass, ...] = (
    GraphPass("expand-functions", expand_functions),
    GraphPass("simplify", simplify),
    GraphPass("fold-constants", fold_constants),
    GraphPass("expand-indexing", expand_indexing),
    GraphPass("expand-einsum", expand_einsum),
    GraphPass("remove-no-ops", remove_no_ops),
    GraphPass("global-pool", global_pool),
    GraphPass("decompose-log-softmax", decompose_log_softmax),
    GraphPass("softmax-last-axis", softmax_last_axis),
)
