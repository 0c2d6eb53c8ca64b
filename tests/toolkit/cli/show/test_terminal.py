# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How a table gives way to a narrow terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mdeploy import figures
from mdeploy.cli.show.terminal import print_table
from mdeploy.tables import Mark, Table, name, number, text


def printed(table: Table, width: int) -> list[str]:
    out = io.StringIO()
    print_table(table, Console(width=width, file=out))
    lines = out.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    return lines


def wide(rows: int, spare: int = 0) -> Table:
    columns = (
        text("Device", key=True),
        *(number(f"figure{i}", figures.ms, spare=spare if i < 7 else 0) for i in range(8)),
        name(""),
    )
    return Table(
        "", columns, [(f"d{r}", *(r * 100 + i + 0.123 for i in range(8)), Mark.verdict(True)) for r in range(rows)]
    )


def test_what_fits_is_one_table() -> None:
    lines = printed(wide(3), 120)
    assert len(lines) == 7
    assert all(f"{i}.123" in lines[3] for i in range(8))


def test_spare_columns_go_first_and_are_named() -> None:
    lines = printed(wide(8, spare=1), 60)
    assert lines[-1] == "not shown in 60 columns: figure3, figure4, figure5, figure6"
    assert "7.123" in lines[3]
    assert "pass" in lines[3]


def test_a_few_rows_are_turned() -> None:
    lines = printed(wide(2), 60)
    assert ["Device" in lines[1], "d0" in lines[1], "d1" in lines[1]] == [True] * 3
    for i in range(8):
        assert any(f"figure{i}" in line and f" {i}.123" in line and f"10{i}.123" in line for line in lines)


def test_many_rows_go_on_below_with_their_keys() -> None:
    lines = printed(wide(9), 60)
    assert sum(" d8 " in line for line in lines) > 1
    for row in range(9):
        for i in range(8):
            assert any(f" d{row} " in line and f" {row * 100 + i}.123 " in line for line in lines)


def test_at_last_each_row_is_a_list() -> None:
    lines = printed(wide(9), 18)
    assert [line for line in lines if "Device" in line] == [f"Device: d{row}" for row in range(9)]
    assert "figure7: 807.123" in lines


@pytest.mark.parametrize("width", range(16, 140, 3))
def test_no_width_cuts_a_figure(width: int) -> None:
    text_of = "\n".join(printed(wide(9, spare=2), width)) + "\n".join(printed(wide(2), width))
    assert "…" not in text_of
    assert "107.123" in text_of


def test_words_wrap_and_figures_do_not() -> None:
    table = Table("", (text("Note"), number("interval")), [("one two three four five six", "93.01 to 94.00")])
    lines = printed(table, 34)
    assert any("93.01 to 94.00" in line for line in lines)
    assert not any("one two three four five six" in line for line in lines)


def test_a_table_without_rows_is_its_notes() -> None:
    assert printed(Table("title", (text("a"),), [], notes=("nothing",)), 40) == ["nothing"]
