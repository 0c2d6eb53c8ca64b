# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What goes onto the page: runs of the history, files that verbs wrote, training logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mdeploy.errors import InputError
from mdeploy.files import read_text
from mdeploy.formats.documents import Stored, read_document, read_outcomes
from mdeploy.formats.json_text import parse_json
from mdeploy.formats.training_log import TrainingLog
from mdeploy.reports.history import History, Run

__all__ = ["Content", "Document", "Unreadable", "gather"]

_MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class Unreadable:
    """A run of the history that this mdeploy cannot show, and why."""

    reason: str


Content = Stored | TrainingLog | Unreadable


@dataclass(frozen=True)
class Document:
    """One thing on the page. ``when`` is UTC, to the minute: of a run when it was made, of a file when it changed."""

    name: str
    when: str
    content: Content


def gather(sources: Sequence[str], history: History, last: int, artifact: str | None = None) -> list[Document]:
    """Read the sources, each a run's number or a file; without any, the newest ``last`` runs, oldest first.

    Raises ``InputError`` for a file that is none of ours. A run that was not asked for by name and cannot be read
    keeps the others from nothing: it is ``Unreadable``.
    """
    if sources:
        return [document for source in sources for document in _documents(source, history)]
    runs = history.runs(artifact=artifact, limit=last)
    if not runs:
        raise InputError(f"{history.path}: no runs to report; bench, parity and evaluate record theirs, or name files")
    return [_shown(run, history) for run in reversed(runs)]


def _shown(run: Run, history: History) -> Document:
    try:
        return _recorded(run, history)
    except InputError as error:
        return Document(f"run {run.id}", _minute(run.created), Unreadable(str(error)))


def _recorded(run: Run, history: History) -> Document:
    name = f"run {run.id}"
    return Document(name, _minute(run.created), read_document(history.document(run.id), name))


def _documents(source: str, history: History) -> list[Document]:
    if source.isdecimal():
        return [_recorded(history.run(int(source)), history)]
    path = Path(source)
    text = read_text(path, _MAX_BYTES)
    when = _minute(datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).isoformat())
    if path.suffix == ".jsonl":
        return [Document(path.stem, when, TrainingLog.from_text(text, str(path)))]
    data: Any = parse_json(text, str(path))
    outcomes = read_outcomes(data, str(path))
    if outcomes is None:
        return [Document(path.stem, when, read_document(data, str(path)))]
    return [Document(f"{path.stem}: {device}", when, report) for device, report in outcomes]


def _minute(moment: str) -> str:
    """ISO 8601 in UTC as people read it."""
    return moment[:16].replace("T", " ")
