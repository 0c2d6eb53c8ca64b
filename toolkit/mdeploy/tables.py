# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The one table: a title, typed columns, and rows of values; as Markdown and as CSV. ``cli/show/terminal.py`` draws it.

A column knows how its values read. Rows hold the values themselves, so that CSV has the numbers in full where people
see them rounded.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Column", "Mark", "Table", "name", "number", "text"]


@dataclass(frozen=True)
class Mark:
    """A word that is good news (True), bad news (False), or neither (None): coloured where there are colours."""

    word: str
    good: bool | None

    def __str__(self) -> str:
        return self.word

    @classmethod
    def verdict(cls, passed: bool) -> Mark:
        """``pass`` or ``FAIL``."""
        return cls("pass" if passed else "FAIL", passed)


@dataclass(frozen=True)
class Column:
    """How one column reads. Made by ``number``, ``name`` and ``text``."""

    heading: str
    show: Callable[[Any], str] = str
    right: bool = False
    """Aligned right, as numbers are."""
    whole: bool = True
    """Its cells are never broken over lines."""
    spare: int = 0
    """0 is always shown; where a terminal is narrow, the column with the largest figure goes first."""
    key: bool = False
    """Says which row it is: repeated where a wide table is continued below itself."""

    def cell(self, value: Any) -> str:
        """The value as people read it; nothing as a dash."""
        return "-" if value is None else self.show(value)


def number(heading: str, show: Callable[[Any], str] = str, spare: int = 0) -> Column:
    """A column of figures: to the right, never cut, never wrapped."""
    return Column(heading, show, right=True, spare=spare)


def name(heading: str, spare: int = 0, key: bool = False) -> Column:
    """A column of short words that stay whole."""
    return Column(heading, spare=spare, key=key)


def text(heading: str, spare: int = 0, key: bool = False) -> Column:
    """A column of words that may take several lines."""
    return Column(heading, whole=False, spare=spare, key=key)


@dataclass(frozen=True)
class Table:
    """Rows under typed columns. Each row has a value for each column, None where there is none."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    footer: Sequence[Any] | None = None
    """One more row, set apart: the sums."""
    sections: frozenset[int] = field(default_factory=frozenset)
    """Rows after which a line is drawn."""
    notes: Sequence[str] = ()

    @classmethod
    def of_facts(cls, title: str, facts: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Table:
        """A table without headings: what, and its value."""
        pairs = facts.items() if isinstance(facts, Mapping) else facts
        return cls(title, (name("", key=True), text("")), tuple(pairs))

    @property
    def headings(self) -> list[str]:
        """What stands over the columns."""
        return [column.heading for column in self.columns]

    def cells(self) -> list[list[str]]:
        """The rows as people read them."""
        return [self._cells(row) for row in self.rows]

    def footer_cells(self) -> list[str] | None:
        """The footer as people read it."""
        return None if self.footer is None else self._cells(self.footer)

    def _cells(self, row: Sequence[Any]) -> list[str]:
        return [column.cell(value) for column, value in zip(self.columns, row, strict=True)]

    def markdown(self) -> str:
        """The rows as Markdown, numbers to the right; the title and notes are the caller's, at a level of its own."""
        rules = ["---:" if column.right else "---" for column in self.columns]
        lines = [self.headings, rules, *self.cells()]
        footer = self.footer_cells()
        if footer is not None:
            lines.append(footer)
        return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)

    def csv(self) -> str:
        """Headings and rows as CSV, numbers in full, nothing where there is none."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.headings)
        writer.writerows(["" if value is None else value for value in row] for row in self.rows)
        return out.getvalue()
