# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What goes onto the page: runs of the history, report files, training logs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdeploy.errors import InputError
from mdeploy.formats.documents import read_document
from mdeploy.reports.history import History

__all__ = ["Document", "gather"]

_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Document:
    """One run. ``data`` is a JSON document of the kind; for a training log, {"epochs": [...]}."""

    name: str
    kind: str
    data: dict[str, Any]


def gather(sources: Sequence[str], history: History, last: int, artifact: str | None = None) -> list[Document]:
    """Read the sources, each a run's number or a file; without any, the newest ``last`` runs, oldest first.

    Raises ``InputError`` for a file that is none of ours.
    """
    if sources:
        return [_document(source, history) for source in sources]
    runs = history.runs(artifact=artifact, limit=last)
    if not runs:
        raise InputError(f"{history.path}: no runs to report; bench, parity and evaluate record theirs, or name files")
    return [_checked(f"run {run.id}", history.document(run.id)) for run in reversed(runs)]


def _document(source: str, history: History) -> Document:
    if source.isdecimal():
        return _checked(f"run {source}", history.document(int(source)))
    path = Path(source)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: too large for a report")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        if path.suffix == ".jsonl":
            return Document(path.stem, "training", {"epochs": _epochs(path, text)})
        return _checked(path.stem, json.loads(text))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON: {error}") from error


def _epochs(path: Path, text: str) -> list[dict[str, Any]]:
    epochs = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not epochs or not all(isinstance(epoch, dict) and isinstance(epoch.get("epoch"), int) for epoch in epochs):
        raise InputError(f"{path}: not a training log: one JSON object with an epoch per line is expected")
    return epochs


def _checked(name: str, data: Any) -> Document:
    return Document(name, read_document(data, name).kind, data)
