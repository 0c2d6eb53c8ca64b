# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Figures and texts as people read them."""

from __future__ import annotations

import pytest

from mdeploy import figures
from mdeploy.text import harmless, label


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (figures.ms(1.23456), "1.235"),
        (figures.megabytes(12_345_678), "12.35"),
        (figures.difference(1e-5), "1.00e-05"),
        (figures.percent(0.98765), "98.77"),
        (figures.degrees(41.55), "41.5 °C"),
        (figures.count(5417), "5.42 k"),
        (figures.count(1_813_561_344), "1.81 G"),
        (figures.count(999), "999"),
        (figures.count(11_689_512), "11.7 M"),
        (figures.count(125_000_000), "125 M"),
        (figures.count(9_999_999), "10.0 M"),
        (figures.count(999_999), "1.00 M"),
        (figures.count(0), "0"),
        (figures.size(842), "842 bytes"),
        (figures.size(46_800_000), "46.8 MB"),
        (figures.size(2_500_000_000_000), "2500 GB"),
        (figures.duration(4.5), "4.500 ms"),
        (figures.duration(812.34), "812.3 ms"),
        (figures.percentage(0.5), "50%"),
        (figures.change(-0.005), "-0.5%"),
        (figures.required_tolerance(float("inf")), "none"),
        (figures.required_tolerance(2.5e-7), "2.50e-07"),
        (figures.tolerance(1e-5), "1e-05"),
        (figures.shape((1, 3, 8, 8)), "1x3x8x8"),
        (figures.shape(None), "?"),
        (figures.plural(2, "class", "classes"), "2 classes"),
        (figures.plural(1, "thread"), "1 thread"),
        (figures.plural(1200, "image"), "1,200 images"),
        (figures.ranges([0, 1, 2, 5, 7, 8]), "0-2,5,7-8"),
        (figures.ranges([]), ""),
        (figures.affinity("big", (0, 1), False), "cores 0-1 (big, free)"),
        (figures.affinity("f0", (4, 5, 7), True), "cores 4-5,7 (f0, bound)"),
        (figures.affinity("all", (3,), True), "core 3 (all, bound)"),
        (figures.affinity("all", (), False), "no cores (all, free)"),
    ],
)
def test_one_way_of_writing(shown: str, expected: str) -> None:
    assert shown == expected


def test_what_was_not_measured_is_a_dash() -> None:
    functions = (figures.ms, figures.megabytes, figures.difference, figures.percent, figures.degrees, figures.count)
    assert {function(None) for function in functions} == {"-"}


def test_a_text_cannot_steer_a_terminal() -> None:
    assert harmless("cat\x1b]0;owned\x07\n\u202eé 猫") == "cat?]0;owned???é 猫"
    assert harmless("\ud800") == "?"
    assert label("  " + "x" * 500) == "x" * 97 + "..."
