# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Draws a Table on a terminal of any width: no figure is ever cut or broken over lines.

Where the columns do not fit, the spare ones are left out, and a line says which. Where that is not enough, a few rows
are turned to stand side by side; many go on in a second table below, with the key columns again; and where not even
one column fits beside the keys, each row is a list of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from mdeploy.tables import Column, Mark, Table, name
from mdeploy.text import harmless

__all__ = ["print_table"]

_STYLES = {True: "green", False: "bold red", None: "yellow"}
_FRAME = 3  # what is drawn for each column: a line, and a space on both sides
_LEAST_TEXT = 10  # cells of several words are not squeezed into less
_LONGEST_WORD = 32  # a longer one is a path, and may be broken
_TURNED = 6  # more rows than this do not stand side by side


def print_table(table: Table, console: Console) -> None:
    """Print the table in the form that fits the console's width, then its notes. A table without rows is not drawn."""
    table = _harmless(table)
    if table.rows:
        if table.title:
            console.print(Text(table.title, style="italic"))
        for part in _fitting(table, console.width):
            console.print(part if isinstance(part, Text) else _grid(part, console.width))
    for note in table.notes:
        console.print(Text(note))


def _harmless(table: Table) -> Table:
    """Cells hold names and labels out of files: nothing in them may steer the terminal, or be wider than it looks."""

    def clean(words: str) -> str:
        return "\n".join(map(harmless, words.split("\n")))

    def column(given: Column) -> Column:
        return replace(given, heading=clean(given.heading), show=lambda value: clean(given.show(value)))

    columns = tuple(map(column, table.columns))
    return replace(table, title=clean(table.title), columns=columns, notes=tuple(map(clean, table.notes)))


def _fitting(table: Table, width: int) -> Iterator[Table | Text]:
    shown = table
    left_out: list[str] = []
    while not _fits(shown, width):
        place, spare = max(enumerate(shown.columns), key=lambda item: (item[1].spare, item[0]))
        if spare.spare == 0:
            break
        left_out.insert(0, spare.heading)
        shown = _with_columns(shown, [index for index in range(len(shown.columns)) if index != place])
    if not _fits(shown, width) and len(table.rows) <= _TURNED and any(table.headings):
        turned = _turned(table)
        if _fits(turned, width):
            yield turned  # all of it: nothing is left out
            return
    yield from [shown] if _fits(shown, width) else _continued(shown, width)
    if left_out:
        yield Text(f"not shown in {width} columns: {', '.join(left_out)}", style="dim")


def _fits(table: Table, width: int) -> bool:
    return sum(_least_widths(table)) + _FRAME * len(table.columns) + 1 <= width


def _least_widths(table: Table) -> list[int]:
    """What each column needs for its figures to stay whole."""
    least = []
    for place, column in enumerate(table.columns):
        cells = _column_cells(table, place)
        heading = max(map(cell_len, column.heading.split()), default=0)
        if column.whole:
            least.append(max([heading, *map(cell_len, cells)]))
        else:
            words = [cell_len(word) for cell in cells for word in cell.split()]
            natural = max(map(cell_len, cells), default=0)
            comfortable = min(natural, max(_LEAST_TEXT, min(max(words, default=0), _LONGEST_WORD)))
            least.append(max(heading, comfortable))
    return least


def _widths(table: Table, width: int) -> list[int]:
    """What each column gets: all that it can use, or its share of what is left over."""
    widths = _least_widths(table)
    wanted = [
        max([cell_len(column.heading), *map(cell_len, _column_cells(table, place))])
        for place, column in enumerate(table.columns)
    ]
    left = width - sum(widths) - _FRAME * len(widths) - 1
    while left > 0 and widths != wanted:
        for place, most in enumerate(wanted):
            if widths[place] < most and left > 0:
                widths[place] += 1
                left -= 1
    return widths


def _column_cells(table: Table, place: int) -> list[str]:
    footer = table.footer_cells()
    return [row[place] for row in table.cells()] + ([] if footer is None else [footer[place]])


def _with_columns(table: Table, places: Sequence[int]) -> Table:
    def some(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(values[place] for place in places)

    footer = None if table.footer is None else some(table.footer)
    return replace(table, columns=some(table.columns), rows=tuple(map(some, table.rows)), footer=footer)


def _turned(table: Table) -> Table:
    """Rows side by side: a column for each, headed by its first cell."""
    rows = [*table.rows, *([] if table.footer is None else [table.footer])]
    first = table.columns[0]
    columns = (name(first.heading, key=True), *(Column(first.cell(row[0]), right=True) for row in rows))
    turned = tuple(
        (column.heading, *(_read(column, row[place]) for row in rows))
        for place, column in enumerate(table.columns)
        if place > 0
    )
    return Table("", columns, turned)


def _read(column: Column, value: Any) -> Any:
    return value if isinstance(value, Mark) else column.cell(value)


def _continued(table: Table, width: int) -> Iterator[Table | Text]:
    """Groups of columns one below the other, or the rows as lists."""
    keys = [place for place, column in enumerate(table.columns) if column.key]
    groups = [list(keys)]
    for place in range(len(table.columns)):
        if place in keys:
            continue
        if not _fits(_with_columns(table, [*groups[-1], place]), width):
            groups.append(list(keys))
        groups[-1].append(place)
    parts = [_with_columns(table, group) for group in groups if len(group) > len(keys)]
    yield from parts if all(_fits(part, width) for part in parts) else _lists(table)


def _lists(table: Table) -> Iterator[Text]:
    """A line for each value, which stays whole on any terminal that is as wide as it is."""
    for row in [*table.rows, *([] if table.footer is None else [table.footer])]:
        for column, value in zip(table.columns, row, strict=True):
            line = Text(f"{column.heading}: " if column.heading else "")
            yield line.append(column.cell(value), _style(value))
        yield Text("")


def _grid(table: Table, width: int) -> Grid:
    footer = table.footer_cells()
    grid = Grid(show_header=any(table.headings), show_footer=footer is not None)
    widths = _widths(table, width)
    for place, column in enumerate(table.columns):
        grid.add_column(
            Text(column.heading),
            Text(footer[place] if footer else ""),
            justify="right" if column.right else "left",
            width=widths[place],
            overflow="fold",
        )
    for index, row in enumerate(table.rows):
        cells = [Text(column.cell(value), _style(value)) for column, value in zip(table.columns, row, strict=True)]
        grid.add_row(*cells, end_section=index in table.sections)
    return grid


def _style(value: Any) -> str:
    return _STYLES[value.good] if isinstance(value, Mark) else ""
