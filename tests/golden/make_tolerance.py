# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Writes tolerance.json, the shared test vectors of the tolerance rule.

Everything is computed here in exact rational arithmetic from the rule's text, independently of both implementations.
Values are those of float32, written so that every reader gets the same float32 back; "nan", "inf" and "-inf" are
strings. Figures are rounded once, to double.

    python tests/golden/make_tolerance.py
"""

from __future__ import annotations

import json
import random
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

Value = float | str


def f32(value: float) -> float:
    """Round to float32."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def expected(case: dict[str, Any]) -> dict[str, Any]:
    tol, rtol = Fraction(case["tol"]), Fraction(case["rtol"])
    max_abs = max_rel = required = None
    misplaced = nonfinite = 0
    worst = None
    for index, (a, b) in enumerate(zip(case["reference"], case["actual"], strict=True)):
        nonfinite += isinstance(b, str)
        if isinstance(a, str) or isinstance(b, str):
            if a != b:
                misplaced += 1
                if misplaced == 1:
                    worst = index
            continue
        a, b = Fraction(a), Fraction(b)
        difference, scale = abs(a - b), max(Fraction(1), abs(a))
        max_abs = max(max_abs or Fraction(0), difference)
        max_rel = max(max_rel or Fraction(0), difference / scale)
        needed = max(Fraction(0), difference - rtol * abs(a)) / (1 if case["meaning"] == "probabilities" else scale)
        if required is None or needed > required:
            required = needed
            if not misplaced:
                worst = index
    if required is None:
        required = Fraction(0)
    return {
        "passed": not misplaced and required <= tol,
        "max_abs": None if max_abs is None else float(max_abs),
        "max_rel": None if max_rel is None else float(max_rel),
        "required_tolerance": None if misplaced else float(required),
        "worst": worst,
        "misplaced": misplaced,
        "nonfinite": nonfinite,
    }


def case(
    name: str, meaning: str, reference: list[Value], actual: list[Value], tol: float = 1e-5, rtol: float = 0.0
) -> dict[str, Any]:
    def clean(values: list[Value]) -> list[Value]:
        return [value if isinstance(value, str) else f32(value) for value in values]

    entry = {"name": name, "meaning": meaning, "tol": tol, "rtol": rtol}
    entry |= {"reference": clean(reference), "actual": clean(actual)}
    return entry | {"expected": expected(entry)}


def cases() -> list[dict[str, Any]]:
    found = [
        case("equal", "probabilities", [0.1, 0.9], [0.1, 0.9], tol=0.0),
        case("probability_within", "probabilities", [0.25, 0.75], [0.250004, 0.749996]),
        case("probability_beyond", "probabilities", [0.25, 0.75], [0.25002, 0.74998]),
        case("probabilities_have_no_scale", "probabilities", [4.0, 0.0], [4.00002, 0.0]),
        case("logits_are_scaled", "logits", [4.0, 0.0], [4.00002, 0.0]),
        case("log_probability_at_minus_130", "log_probabilities", [-130.0, -0.5], [-130.001, -0.5]),
        case("log_probability_at_minus_130_beyond", "log_probabilities", [-130.0, -0.5], [-130.01, -0.5]),
        case("small_logits_are_absolute", "logits", [0.001, 0.5], [0.00102, 0.5]),
        case("scale_is_the_reference's", "logits", [1.0, 0.0], [3.0, 0.0], tol=1.5),
        case("worst_is_by_the_rule_not_by_difference", "logits", [1000.0, 0.5], [1000.001, 0.5001]),
        case("first_of_equals", "probabilities", [0.5, 0.5, 0.5], [0.5, 0.75, 0.25], tol=1.0),
        case("exactly_at_the_tolerance", "probabilities", [0.5, 1.0], [0.75, 1.0], tol=0.25),
        case("just_past_the_tolerance", "probabilities", [0.5, 1.0], [0.75 + 2**-24, 1.0], tol=0.25),
        case("rtol_adds", "logits", [100.0, 2.0], [101.0, 2.0], rtol=0.01),
        case("rtol_on_probabilities", "probabilities", [0.5, 0.5], [0.5000001, 0.495], rtol=0.01),
        case("rtol_not_enough", "probabilities", [0.5, 0.5], [0.5, 0.49], rtol=0.01),
        case("nan_in_the_same_place", "logits", ["nan", 1.0], ["nan", 1.0]),
        case("nan_appeared", "logits", [0.0, 1.0, 2.0], [0.0, "nan", 3.0], tol=10.0),
        case("nan_disappeared", "logits", ["nan", 1.0], [0.0, 1.0], tol=10.0),
        case("infinity_in_the_same_place", "log_probabilities", ["-inf", 0.0], ["-inf", 0.0]),
        case("infinity_of_the_other_sign", "log_probabilities", ["-inf", 0.0], ["inf", 0.0], tol=10.0),
        case("infinity_for_a_number", "log_probabilities", [-200.0, 0.0], ["-inf", 0.0], tol=10.0),
        case("nan_for_infinity", "logits", ["inf", 0.0], ["nan", 0.0], tol=10.0),
        case("all_nan", "logits", ["nan", "nan"], ["nan", "nan"]),
        case("denormals", "probabilities", [1e-45, 0.0], [0.0, 1e-45], tol=0.0),
        case("largest_numbers", "logits", [3.4e38, -3.4e38], [-3.4e38, 3.4e38], tol=1.0),
        case("negative_zero", "logits", [0.0], [-0.0], tol=0.0),
        case("empty", "logits", [], []),
    ]
    source = random.Random(20240801)
    for number in range(24):
        meaning = ("logits", "log_probabilities", "probabilities")[number % 3]
        spread = 10.0 ** source.uniform(-2, 3) if meaning != "probabilities" else 1.0
        reference = [f32(source.uniform(-spread, spread)) for _ in range(source.randint(1, 33))]
        noise = 10.0 ** source.uniform(-7, -3)
        actual = [value + source.gauss(0, noise) for value in reference]
        rtol = source.choice([0.0, 0.0, 1e-6, 1e-4])
        found.append(case(f"random_{number}", meaning, reference, actual, source.choice([1e-6, 1e-5, 1e-3]), rtol))
    return found


if __name__ == "__main__":
    note = (
        "Test vectors of the tolerance rule, for Python and C++. Made by make_tolerance.py. max_abs, max_rel and "
        "required_tolerance must match to 1e-12 relative, or 1e-15 times the tolerance's scale where rtol > 0 cancels; "
        "the rest exactly. null: not defined."
    )
    data = {"note": note, "cases": cases()}
    Path(__file__).with_name("tolerance.json").write_text(json.dumps(data, indent=1) + "\n")
