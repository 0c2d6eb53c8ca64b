# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Where reports go that came over a network: checked against the schema, then into the history and a folder.

What a client sends is data: it is parsed, never run, and no file is named after anything in it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mdeploy.errors import InputError
from mdeploy.files import check_writable, replace_file
from mdeploy.formats.json_text import parse_json
from mdeploy.formats.report import Report
from mdeploy.reports.history import History
from mdeploy.text import label

__all__ = ["Inbox", "Received", "StorageError"]


class StorageError(InputError):
    """A report was good, and this side could not keep it."""


@dataclass(frozen=True)
class Received:
    """A report that was kept. Texts out of the report are cut and free of control characters: fit for a terminal."""

    run: int | None
    """Its number in the history."""
    path: Path | None
    sha256: str
    bytes: int
    client: str
    model: str
    device: str
    runner: str
    status: str
    headline: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**vars(self), "path": None if self.path is None else str(self.path)}


class Inbox:
    """Keeps reports in a history (None: in none) and as files in a folder (None: in none). Threads may share it."""

    def __init__(self, history: History | None, folder: Path | None = None) -> None:
        self.history = history
        self.folder = folder
        if folder is not None:
            check_writable(folder)

    def receive(self, body: bytes, client: str) -> Received:
        """Check one report and keep it as it came, with whatever a later harness says that we do not know.

        Raises ``InputError`` for what is not a report, ``StorageError`` where it cannot be kept; then nothing is.
        """
        document = parse_json(body, "report")
        report = Report.from_json(document, "report")
        device = label(report.device.model or report.device.os)
        model = label(report.artifact)
        path = None if self.folder is None else self._write(body, self.folder)
        run = None
        if self.history is not None:
            try:
                run = self.history.add(
                    report.kind,
                    model,
                    document,
                    target=f"{device} ({report.runner})",
                    outcome=report.outcome,
                    headline=report.headline,
                )
            except InputError as error:
                if path is not None:
                    path.unlink(missing_ok=True)
                raise StorageError(str(error)) from error
        digest = hashlib.sha256(body).hexdigest()
        size, status, headline = len(body), report.outcome, report.headline
        return Received(run, path, digest, size, client, model, device, report.runner, status, headline)

    @staticmethod
    def _write(body: bytes, folder: Path) -> Path:
        moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path = folder / f"report-{moment}-{secrets.token_hex(4)}.json"
        try:
            replace_file(path, body)
        except InputError as error:
            raise StorageError(str(error)) from error
        return path
