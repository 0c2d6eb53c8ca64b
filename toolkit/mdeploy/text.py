# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Texts that come out of files and over networks, made fit to be shown."""

from __future__ import annotations

__all__ = ["harmless", "label"]

_MAX_LABEL = 100


def harmless(text: str) -> str:
    """A text that cannot steer a terminal: what is not printable (escapes, line ends, marks of direction) is "?"."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def label(text: str) -> str:
    """A short harmless one."""
    shown = harmless(text).strip()
    return shown if len(shown) <= _MAX_LABEL else shown[: _MAX_LABEL - 3] + "..."
