# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How far a tensor may be from its reference: two rules.

The tolerance rule (``compare``) judges outputs, element by element:

Probabilities:               |a - b| <= tol + rtol * |reference|
Logits, log-probabilities:   |a - b| <= tol * max(1, |reference|) + rtol * |reference|

since float32 cannot hold 1e-5 at -130. Its C++ twin is in the harness; both are tested against
tests/golden/tolerance.json.

The scale rule (``required_by_scale``) judges tensors inside a net, and what graph passes do to outputs:

max |a - b| <= (tol + rtol) * max(1, max |reference|)

since a sum of large terms that cancel is rounded by the size of the terms, which the tensor as a whole shows and the
element does not.

In both, NaN and infinities must stand in the same places (infinities with the same sign), and arithmetic is in double.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mdeploy.formats.parity import describe_tolerance
from mdeploy.tensors import Array, Doubles, element_scale, tensor_scale

__all__ = ["MEANINGS", "Comparison", "Tolerance", "compare", "required_by_scale"]

MEANINGS = ("logits", "log_probabilities", "probabilities")


@dataclass(frozen=True)
class Tolerance:
    """``tol`` as the rule above reads it, and an added relative part."""

    tol: float = 1e-5
    rtol: float = 0.0
    outputs: tuple[tuple[str, float], ...] = ()
    """``tol`` of single outputs, by name."""

    def of(self, output: str) -> Tolerance:
        """The tolerance of one output."""
        return Tolerance(dict(self.outputs).get(output, self.tol), self.rtol)

    def describe(self) -> str:
        """``tol 1e-05, rtol 1e-06, logits 0.0001`` for people."""
        return describe_tolerance(self.tol, self.rtol, dict(self.outputs))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"tol": self.tol, "rtol": self.rtol, "outputs": dict(self.outputs)}


@dataclass(frozen=True)
class Comparison:
    """How one output compares with its reference. Figures are over the elements that are finite in both."""

    passed: bool
    max_abs: float | None
    """Largest |a - b|; None when nothing is finite or the shapes differ."""
    max_rel: float | None
    """Largest |a - b| / max(1, |reference|)."""
    cosine: float | None
    """Cosine of the angle between the two as vectors; None when it is not defined."""
    worst_index: tuple[int, ...] | None
    """Where the rule is broken most or held least; a misplaced NaN or infinity comes before any number."""
    worst_reference: float | None
    worst_actual: float | None
    nonfinite: int
    """Count of NaN and infinities in the output."""
    misplaced: int
    """Count of elements where one side has a NaN or an infinity that the other does not have."""
    top1_agreement: float
    """Share of rows (first axis) whose largest element is at the same place."""
    required_tolerance: float | None
    """The smallest ``tol`` that would pass; None when none would."""
    problem: str | None = None
    """Why no numbers could be compared, such as a wrong shape."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; NaN and infinities as null."""
        values = asdict(self)
        for key, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                values[key] = None
        values["worst_index"] = None if self.worst_index is None else list(self.worst_index)
        return values


def compare(reference: Array, actual: Array, meaning: str, tolerance: Tolerance) -> Comparison:
    """Compare an output with its reference by the rule. ``meaning`` is that of the manifest's output."""
    if meaning not in MEANINGS:
        raise ValueError(f"meaning {meaning!r} is not one of {', '.join(MEANINGS)}")
    if reference.shape != actual.shape:
        return _incomparable(f"shape {list(actual.shape)} where {list(reference.shape)} is expected")
    if not (np.issubdtype(actual.dtype, np.number) or actual.dtype == np.bool_):
        return _incomparable(f"dtype {actual.dtype} is not a number")
    a, b = np.asarray(reference, np.float64), np.asarray(actual, np.float64)
    finite = np.isfinite(a) & np.isfinite(b)
    misplaced = ~finite & ~((a == b) | (np.isnan(a) & np.isnan(b)))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(finite, np.abs(a - b), 0.0)
        magnitude = np.where(finite, np.abs(a), 0.0)
    scale = np.ones_like(magnitude) if meaning == "probabilities" else element_scale(magnitude)
    needed = np.maximum(0.0, difference - tolerance.rtol * magnitude) / scale
    wrong = int(misplaced.sum())
    required = None if wrong else (float(needed.max()) if needed.size else 0.0)
    worst = _worst(np.where(misplaced, np.inf, needed), finite | misplaced)
    return Comparison(
        # By the tolerance that it needs, so that the printed smallest one does pass when it is given.
        passed=required is not None and required <= tolerance.tol,
        max_abs=float(difference[finite].max()) if finite.any() else None,
        max_rel=float((difference / element_scale(magnitude))[finite].max()) if finite.any() else None,
        cosine=_cosine(a[finite], b[finite]),
        worst_index=worst,
        worst_reference=None if worst is None else float(a[worst]),
        worst_actual=None if worst is None else float(b[worst]),
        nonfinite=int((~np.isfinite(b)).sum()),
        misplaced=wrong,
        top1_agreement=_top1_agreement(a, b),
        required_tolerance=required,
    )


def required_by_scale(reference: Array, comparison: Comparison) -> float:
    """The smallest tolerance that passes by the scale rule, of a comparison that could be made; infinite when none
    would."""
    if comparison.required_tolerance is None:
        return math.inf
    return (comparison.max_abs or 0.0) / tensor_scale(reference)


def _incomparable(problem: str) -> Comparison:
    return Comparison(False, None, None, None, None, None, None, 0, 0, 0.0, None, problem)


def _worst(needed: Doubles, candidates: npt.NDArray[np.bool_]) -> tuple[int, ...] | None:
    if not candidates.any():
        return None
    flat = int(np.argmax(np.where(candidates, needed, -1.0)))  # the first of equals, in C order
    return tuple(int(i) for i in np.unravel_index(flat, needed.shape))


def _cosine(a: Doubles, b: Doubles) -> float | None:
    largest = max((float(np.abs(v).max()) if v.size else 0.0) for v in (a, b))
    if largest == 0.0:
        return 1.0 if a.size else None
    a, b = a / largest, b / largest  # squares of the largest float32 values still fit
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norms if norms else None


def _top1_agreement(a: Doubles, b: Doubles) -> float:
    if not a.size:
        return 1.0
    rows = a.shape[0] if a.ndim > 1 else 1
    # A NaN is never the answer, on either side.
    best_a, best_b = (np.where(np.isnan(v), -np.inf, v).reshape(rows, -1).argmax(axis=1) for v in (a, b))
    return float((best_a == best_b).mean())
