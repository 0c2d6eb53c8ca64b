# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The one table: rounded for people, in full for machines."""

from __future__ import annotations

import csv
import io

from mdeploy import figures
from mdeploy.tables import Mark, Table, name, number, text

TABLE = Table(
    "Latency",
    (text("Device", key=True), number("p50", figures.ms), name("")),
    [("a|b", 1.23456789, Mark.verdict(True)), ("c, d", None, Mark.verdict(False))],
    footer=("all", 2.0, ""),
)


def test_markdown_is_rounded_aligned_and_escaped() -> None:
    assert TABLE.markdown().splitlines() == [
        "| Device | p50 |  |",
        "| --- | ---: | --- |",
        "| a\\|b | 1.235 | pass |",
        "| c, d | - | FAIL |",
        "| all | 2.000 |  |",
    ]


def test_csv_has_numbers_in_full_and_nothing_where_there_is_none() -> None:
    rows = list(csv.reader(io.StringIO(TABLE.csv())))
    assert rows == [["Device", "p50", ""], ["a|b", "1.23456789", "pass"], ["c, d", "", "FAIL"]]
