# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The tolerance rule against vectors computed in exact arithmetic, which the C++ twin is tested against too."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdeploy.comparison.tolerance import Tolerance, compare

VECTORS = Path(__file__).resolve().parents[2] / "golden" / "tolerance.json"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text())["cases"]


def array(values: list[float | str]) -> np.ndarray:
    return np.array([float(value) for value in values], np.float32)


def close(actual: float | None, expected: float | None, slack: float = 1e-15) -> bool:
    if actual is None or expected is None:
        return actual is expected
    return math.isclose(actual, expected, rel_tol=1e-12, abs_tol=slack)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_shared_vectors(case: dict[str, Any]) -> None:
    tolerance = Tolerance(case["tol"], case["rtol"])
    result = compare(array(case["reference"]), array(case["actual"]), case["meaning"], tolerance)
    expected = case["expected"]
    assert result.passed == expected["passed"]
    assert close(result.max_abs, expected["max_abs"])
    assert close(result.max_rel, expected["max_rel"])
    assert close(result.required_tolerance, expected["required_tolerance"])
    assert (None if result.worst_index is None else result.worst_index[0]) == expected["worst"]
    assert (result.misplaced, result.nonfinite) == (expected["misplaced"], expected["nonfinite"])


def test_vectors_are_current() -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("make_tolerance", VECTORS.with_name("make_tolerance.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.cases() == CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_the_smallest_passing_tolerance_passes_and_less_does_not(case: dict[str, Any]) -> None:
    a, b, meaning = array(case["reference"]), array(case["actual"]), case["meaning"]
    required = compare(a, b, meaning, Tolerance(case["tol"], case["rtol"])).required_tolerance
    if required is None:
        assert not compare(a, b, meaning, Tolerance(1e300, case["rtol"])).passed
        return
    assert compare(a, b, meaning, Tolerance(required, case["rtol"])).passed
    if required > 0:
        assert not compare(a, b, meaning, Tolerance(math.nextafter(required, 0), case["rtol"])).passed


def test_worst_index_has_the_rank_of_the_output() -> None:
    reference = np.zeros((2, 3, 4), np.float32)
    actual = reference.copy()
    actual[1, 2, 0] = 0.5
    result = compare(reference, actual, "logits", Tolerance())
    assert result.worst_index == (1, 2, 0)
    assert (result.worst_reference, result.worst_actual) == (0.0, 0.5)


def test_another_shape_fails_in_words() -> None:
    result = compare(np.zeros((1, 10), np.float32), np.zeros((10,), np.float32), "logits", Tolerance(1e300))
    assert not result.passed
    assert result.problem == "shape [10] where [1, 10] is expected"
    assert result.required_tolerance is None


def test_top1_counts_rows_and_never_picks_nan() -> None:
    reference = np.array([[0, 1, 2], [2, 1, 0], [5, 6, 7]], np.float32)
    actual = np.array([[0, 1, 2], [0, 1, 2], [np.nan, 6, 7]], np.float32)
    assert compare(reference, actual, "logits", Tolerance()).top1_agreement == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [([3.0, 4.0], [6.0, 8.0], 1.0), ([1.0, 0.0], [0.0, 1.0], 0.0), ([1.0], [-1.0], -1.0), ([0.0], [0.0], 1.0)],
)
def test_cosine(a: list[float], b: list[float], expected: float) -> None:
    assert compare(array([*a]), array([*b]), "logits", Tolerance()).cosine == pytest.approx(expected, abs=1e-15)


def test_cosine_is_none_between_zero_and_something() -> None:
    assert compare(array([0.0]), array([1.0]), "logits", Tolerance()).cosine is None


def test_cosine_of_the_largest_numbers_does_not_overflow() -> None:
    big = array([3e38, 3e38])
    assert compare(big, big, "logits", Tolerance()).cosine == pytest.approx(1.0)


def test_integer_outputs_compare_too() -> None:
    labels = np.array([3, 1], np.int64)
    assert compare(labels, labels, "logits", Tolerance(0.0)).passed
    assert not compare(labels, labels + 1, "logits", Tolerance(1e-5)).passed


def test_json_has_no_nan() -> None:
    result = compare(array(["nan", 1.0]), array([2.0, 1.0]), "logits", Tolerance())
    assert result.to_json()["worst_reference"] is None
    json.dumps(result.to_json(), allow_nan=False)


def test_unknown_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="meaning"):
        compare(array([0.0]), array([0.0]), "scores", Tolerance())
