# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The history file: every run with its whole document, in SQLite.

One table, ``runs``; the version of its layout is SQLite's own ``user_version``:

====================  =====================================================================================
id                    integer, counts up, names the run in ``mdeploy diff``
created               UTC, ISO 8601 with seconds
kind                  bench, parity, layers or evaluation: ``mdeploy.formats.documents``
artifact              name of the model
target                device of a bench, else empty
outcome               ok, or the word for what went wrong
headline              the one figure that a list shows, as text
document              the whole JSON document that the verb prints with --json
====================  =====================================================================================

Several processes may write at once (write-ahead log, waiting for the lock), and a process that is killed leaves a
readable file.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mdeploy.errors import InputError
from mdeploy.formats.documents import read_document
from mdeploy.formats.json_text import parse_json
from mdeploy.text import label

__all__ = ["DATABASE_VARIABLE", "History", "Run", "default_path"]

DATABASE_VARIABLE = "MDEPLOY_DB"
_LOCK_SECONDS = 30.0
_APPLICATION_ID = 0x6D646570  # "mdep", so that another program's file is not written into

_SELECT_RUNS = (
    "SELECT id, created, kind, artifact, target, outcome, headline, json_extract(document, '$.threads') FROM runs"
)

# Statement lists by the version that they lead to; only ever append.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            created TEXT NOT NULL,
            kind TEXT NOT NULL,
            artifact TEXT NOT NULL,
            target TEXT NOT NULL,
            outcome TEXT NOT NULL,
            headline TEXT NOT NULL,
            document TEXT NOT NULL
        )""",
        "CREATE INDEX runs_by_artifact ON runs (artifact, kind, id)",
    ),
)


@dataclass(frozen=True)
class Run:
    """One row; ``document`` is parsed only when asked for."""

    id: int
    created: str
    kind: str
    artifact: str
    target: str
    outcome: str
    headline: str
    threads: int | None = None
    """Of a bench or an evaluation."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dict(vars(self))


def default_path() -> Path:
    """What MDEPLOY_DB names, else history.db in the user's data directory."""
    named = os.environ.get(DATABASE_VARIABLE)
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "mdeploy" / "history.db"


class History:
    """A history file, opened for each call. Raises ``InputError`` where it cannot be read or written."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()

    def add(
        self, kind: str, artifact: str, document: dict[str, Any], *, target: str = "", outcome: str, headline: str
    ) -> int:
        """Append a run and return its id."""
        created = datetime.now(timezone.utc).isoformat(timespec="seconds")
        row = (created, kind, artifact, target, outcome, headline, json.dumps(document, allow_nan=False))
        with self._open(create=True) as connection:
            columns = "created, kind, artifact, target, outcome, headline, document"
            cursor = connection.execute(f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def record(self, document: dict[str, Any], *, artifact: str | None = None, target: str = "") -> int:
        """Append a document that a verb made, by its own kind, outcome and headline; return its run's id.

        ``artifact`` where the model is known by another name than the document's own.
        """
        stored = read_document(document, "the document to record")
        name = label(artifact or stored.artifact)
        return self.add(stored.kind, name, document, target=target, outcome=stored.outcome, headline=stored.headline)

    def runs(self, artifact: str | None = None, kind: str | None = None, limit: int | None = None) -> list[Run]:
        """List runs, newest first."""
        if not self.path.exists():
            return []
        query = f"{_SELECT_RUNS} WHERE 1"
        values: list[Any] = []
        for column, value in (("artifact", artifact), ("kind", kind)):
            if value is not None:
                query += f" AND {column} = ?"
                values.append(value)
        query += " ORDER BY id DESC"
        if limit is not None:
            query += " LIMIT ?"
            values.append(limit)
        with self._open() as connection:
            return [Run(*row) for row in connection.execute(query, values)]

    def run(self, number: int) -> Run:
        """Return one run. Raises ``InputError`` where there is none of that number."""
        if self.path.exists():
            with self._open() as connection:
                row = connection.execute(f"{_SELECT_RUNS} WHERE id = ?", (number,)).fetchone()
            if row is not None:
                return Run(*row)
        raise self._no_run(number)

    def document(self, run: int) -> dict[str, Any]:
        """Return the document of a run."""
        if self.path.exists():
            with self._open() as connection:
                row = connection.execute("SELECT document FROM runs WHERE id = ?", (run,)).fetchone()
            if row is not None:
                document: dict[str, Any] = parse_json(row[0], f"{self.path}: run {run}")
                return document
        raise self._no_run(run)

    def _no_run(self, number: int) -> InputError:
        return InputError(f"{self.path}: there is no run {number}; `mdeploy history` lists them")

    @contextmanager
    def _open(self, create: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            if create:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_LOCK_SECONDS, isolation_level=None)) as connection:
                _migrate(connection, self.path)
                connection.execute("BEGIN IMMEDIATE" if create else "BEGIN")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise InputError(f"{self.path}: cannot use the history: {error}") from error


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    # In this order: another process may commit all of it between two of these questions.
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if tables and application != _APPLICATION_ID:
        raise InputError(f"{path}: is a database of something else; name another by --db")
    if version > len(_MIGRATIONS):
        raise InputError(f"{path}: was written by a newer mdeploy (layout {version}); update mdeploy")
    if version == len(_MIGRATIONS):
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have done it while this one waited for the lock.
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for statements in _MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    connection.execute("COMMIT")
