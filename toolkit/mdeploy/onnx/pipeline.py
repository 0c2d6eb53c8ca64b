# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the passes in order and compares the graph on onnxruntime before and after each.

Where float32 moves further than a pass may, the graphs are compared in double precision: a pass that is exact there is
not refused for what the net itself rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mdeploy.errors import CheckFailed, UsageError
from mdeploy.formats.manifest import PassRecord
from mdeploy.onnx.light import proto_with_weights_outside
from mdeploy.onnx.passes import PIPELINE, GraphPass
from mdeploy.onnx.session import PlainSession
from mdeploy.progress import Tell, quiet
from mdeploy.tensors import Array, Doubles, tensor_scale

__all__ = [
    "PASS_TOLERANCE",
    "Judge",
    "KeptGraph",
    "PassResult",
    "check_pass_names",
    "largest_difference",
    "run_passes",
]

PASS_TOLERANCE = 1e-5
"""How far a pass may move any output, by the scale rule (``comparison/tolerance.py``).

Passes may change the order of sums, and float32 answers in proportion to what was summed, not to what remains.
"""

_EXACT = 1e-9
"""The same in double precision, where sums in another order leave 1e-13 or so, also of a deep net."""
_WORSE = 10
"""An exact pass may round this many times what the net rounded before it."""


@dataclass(frozen=True)
class KeptGraph:
    """A graph as it was before a pass, which changes it in place."""

    proto: bytes
    """An ONNX model whose weights lie outside."""
    weights: Mapping[str, Array]


Judge = Callable[[KeptGraph, Sequence[Sequence[Array]]], "list[list[Doubles]] | None"]
"""The outputs in double precision for each sample, or None where the graph has no such form."""


@dataclass(frozen=True)
class PassResult:
    """The graph after all passes, and what each of them did."""

    model: ir.Model
    records: tuple[PassRecord, ...]


def check_pass_names(skip: Sequence[str]) -> None:
    """Raise ``UsageError`` for a name that is not a pass."""
    names = [item.name for item in PIPELINE]
    for name in skip:
        if name not in names:
            raise UsageError(f"--skip-pass {name}: no such pass; there are {', '.join(names)}")


def run_passes(
    model: ir.Model,
    samples: Sequence[Sequence[Array]],
    skip: Sequence[str] = (),
    passes: Sequence[GraphPass] = PIPELINE,
    progress: Tell = quiet,
    judge: Judge | None = None,
) -> PassResult:
    """Run ``passes`` on a prepared model, and after each compare outputs on ``samples`` (inputs by position).

    ``judge`` is asked where a pass moved float32 further than it may. Raises ``CheckFailed`` naming the pass that moved
    the numbers.
    """
    records: list[PassRecord] = []
    reference = _outputs(model, samples)
    for item in passes:
        before = len(model.graph)
        if item.name in skip:
            records.append(PassRecord(item.name, False, before, before))
            continue
        progress(item.name)
        kept = None if judge is None else KeptGraph(*proto_with_weights_outside(model))
        changed = item.apply(model)
        if changed is None:
            records.append(PassRecord(item.name, False, before, before))
            continue
        outputs = _outputs(changed, samples)
        difference, allowed = largest_difference(reference, outputs)
        if not difference <= allowed and not _is_rounding(kept, changed, samples, reference, outputs, judge):
            raise CheckFailed(
                f"pass {item.name} changed the numbers: outputs moved by {difference:.3g}, {allowed:.3g} is allowed; "
                f"go on without it by --skip-pass {item.name}"
            )
        records.append(PassRecord(item.name, True, before, len(changed.graph), difference))
        model, reference = changed, outputs
    return PassResult(model, tuple(records))


def _is_rounding(
    before: KeptGraph | None,
    after: ir.Model,
    samples: Sequence[Sequence[Array]],
    reference: Sequence[Sequence[Array]],
    outputs: Sequence[Sequence[Array]],
    judge: Judge | None,
) -> bool:
    """Whether both graphs are one in double precision, and the new one rounds no worse than the net did already."""
    if judge is None or before is None:
        return False
    old, new = judge(before, samples), judge(KeptGraph(*proto_with_weights_outside(after)), samples)
    if old is None or new is None:
        return False
    moved, allowed = largest_difference(old, new)
    if not moved <= allowed * _EXACT / PASS_TOLERANCE:
        return False
    rounded, allowed = largest_difference(new, outputs)
    return rounded <= max(allowed, _WORSE * largest_difference(old, reference)[0])


def largest_difference(before: Sequence[Sequence[Array]], after: Sequence[Sequence[Array]]) -> tuple[float, float]:
    """Return the largest absolute difference of any output, and what is allowed for that output.

    Infinite where shapes differ or where NaN and infinity do not stand in the same places.
    """
    worst, allowed = 0.0, PASS_TOLERANCE
    for sample_before, sample_after in zip(before, after, strict=True):
        for left, right in zip(sample_before, sample_after, strict=True):
            difference, limit = _difference(left, right)
            if difference / limit > worst / allowed or difference == np.inf:
                worst, allowed = difference, limit
    return worst, allowed


def _difference(left: Array, right: Array) -> tuple[float, float]:
    if left.shape != right.shape:
        return np.inf, PASS_TOLERANCE
    left, right = left.astype(np.float64), right.astype(np.float64)
    finite = np.isfinite(left)
    if not np.array_equal(left[~finite], right[~finite], equal_nan=True) or not np.isfinite(right[finite]).all():
        return np.inf, PASS_TOLERANCE
    if not finite.any():
        return 0.0, PASS_TOLERANCE
    return float(np.abs(left[finite] - right[finite]).max()), PASS_TOLERANCE * tensor_scale(left)


def _outputs(model: ir.Model, samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
    session = PlainSession(model)
    return [session.run(sample) for sample in samples]
