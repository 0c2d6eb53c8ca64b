# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How figures are written for people, on the terminal, in Markdown and on the page: one way for each.

MB are 10^6 bytes. What was not measured (None) is "-". A number has no space inside, so that no line break can cut it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = [
    "NONE",
    "affinity",
    "change",
    "count",
    "degrees",
    "difference",
    "duration",
    "megabytes",
    "ms",
    "percent",
    "percentage",
    "plural",
    "ranges",
    "required_tolerance",
    "shape",
    "size",
    "tolerance",
]

NONE = "-"


def ms(value: float | None) -> str:
    """Milliseconds, to a microsecond."""
    return NONE if value is None else f"{value:.3f}"


def duration(value: float | None) -> str:
    """Milliseconds with their unit, in a sentence."""
    return NONE if value is None else f"{value:.3f} ms" if value < 10 else f"{value:.1f} ms"


def megabytes(size: int | None) -> str:
    """Bytes as MB."""
    return NONE if size is None else f"{size / 1e6:.2f}"


def difference(value: float | None) -> str:
    """A difference or a tolerance, of any size."""
    return NONE if value is None else f"{value:.2e}"


def percent(share: float | None) -> str:
    """A share of 1 in per cent, without the sign."""
    return NONE if share is None else f"{share * 100:.2f}"


def percentage(share: float | None, digits: int = 0) -> str:
    """A share of 1 in per cent, with the sign."""
    return NONE if share is None else f"{share * 100:.{digits}f}%"


def change(share: float) -> str:
    """A relative change: +1.2%."""
    return f"{share * 100:+.1f}%"


def required_tolerance(value: float | None) -> str:
    """The smallest tolerance that would pass; None and infinity where none would."""
    return "none" if value is None or math.isinf(value) else f"{value:.2e}"


def tolerance(value: float) -> str:
    """A tolerance as it is typed: 1e-05."""
    return f"{value:g}"


def shape(dims: Sequence[int] | None) -> str:
    """1x3x224x224; ``?`` where it is not known."""
    return "?" if dims is None else "x".join(map(str, dims)) or "scalar"


def degrees(celsius: float | None) -> str:
    """A temperature, with its unit."""
    return NONE if celsius is None else f"{celsius:.1f} °C"


def count(value: int | None) -> str:
    """Parameters or multiply-accumulates, in three digits: 5.42 k, 11.7 M, 1.81 G."""
    return NONE if value is None else _three_digits(value, ("", "k", "M", "G")).rstrip()


def size(value: int | None) -> str:
    """Bytes with their unit, in three digits: 842 bytes, 5.42 kB, 46.8 MB."""
    return NONE if value is None else _three_digits(value, ("bytes", "kB", "MB", "GB"))


def _three_digits(value: int, units: Sequence[str]) -> str:
    scaled = float(value)
    for unit in units[:-1]:
        if abs(scaled) < 999.5:  # which would be written as 1000
            return f"{_digits(scaled) if unit != units[0] else value} {unit}"
        scaled /= 1000
    return f"{_digits(scaled)} {units[-1]}"


def _digits(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 9.995 else f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"


def plural(number: int, noun: str, nouns: str = "") -> str:
    """``1 thread``, ``2 threads``; ``nouns`` where an s is not enough."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


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
