# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How figures are written for people, on the terminal, in Markdown and on the page: one way for each.

MB are 10^6 bytes. What was not measured (None) is "-".
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["NONE", "affinity", "count", "degrees", "difference", "megabytes", "ms", "percent", "plural", "ranges"]

NONE = "-"


def ms(value: float | None) -> str:
    """Milliseconds, to a microsecond."""
    return NONE if value is None else f"{value:.3f}"


def megabytes(size: int | None) -> str:
    """Bytes as MB."""
    return NONE if size is None else f"{size / 1e6:.2f}"


def difference(value: float | None) -> str:
    """A difference or a tolerance, of any size."""
    return NONE if value is None else f"{value:.2e}"


def percent(share: float | None) -> str:
    """A share of 1 in per cent, without the sign."""
    return NONE if share is None else f"{share * 100:.2f}"


def degrees(celsius: float | None) -> str:
    """A temperature, with its unit."""
    return NONE if celsius is None else f"{celsius:.1f} °C"


def count(value: int | None) -> str:
    """Parameters or multiply-accumulates: 5.42 k, 1.81 G."""
    if value is None:
        return NONE
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= size:
            return f"{value / size:.2f} {unit}"
    return str(value)


def plural(number: int, noun: str) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as ``0-3,6``."""
    parts: list[str] = []
    start = 0
    for index in range(len(numbers)):
        if index + 1 == len(numbers) or numbers[index + 1] != numbers[index] + 1:
            first, last = numbers[start], numbers[index]
            parts.append(str(first) if first == last else f"{first}-{last}")
            start = index + 1
    return ",".join(parts)


def affinity(requested: str, cores: Sequence[int], applied: bool) -> str:
    """Where threads ran: ``cores 4-7 (big, bound)``; free where they could not be bound."""
    place = f"cores {ranges(cores)}" if len(cores) != 1 else f"core {cores[0]}"
    return f"{place if cores else 'no cores'} ({requested}, {'bound' if applied else 'free'})"
