# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Where reports go that came over a network: checked against the schema, then into the history and a folder.

What a client sends is data: it is parsed, never run, and no file is named after anything in it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mdeploy.errors import InputError
from mdeploy.files import check_writable, whole_file
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
        # Checking a long report takes a second of one core: one at a time leaves the others to whoever works here.
        self._lock = threading.Lock()
        if folder is not None:
            check_writable(folder)

    def receive(self, body: bytes, client: str) -> Received:
        """Check one report and keep it.

        Raises ``InputError`` for what is no report, ``StorageError`` where it cannot be kept; then nothing is.
        """
        with self._lock:
            try:
                text = body.decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(f"report: not UTF-8: {error.reason} at byte {error.start}") from error
            report = Report.from_text(text)
            return self._keep(report, body, client)

    def _keep(self, report: Report, body: bytes, client: str) -> Received:
        latency = report.latency_ms
        timed = latency is not None and latency.p50 is not None
        headline = f"p50 {latency.p50:.3f} ms" if latency and timed else "no latency"
        device = label(report.device.model or report.device.os)
        model = label(report.model.name)
        document = report.to_json()
        path = None if self.folder is None else self._write(document, self.folder)
        run = None
        if self.history is not None:
            try:
                run = self.history.add(
                    "bench",
                    model,
                    document,
                    target=f"{device} ({report.runner})",
                    outcome=report.status,
                    headline=headline,
                )
            except InputError as error:
                if path is not None:
                    path.unlink(missing_ok=True)
                raise StorageError(str(error)) from error
        digest = hashlib.sha256(body).hexdigest()
        return Received(run, path, digest, len(body), client, model, device, report.runner, report.status, headline)

    @staticmethod
    def _write(document: dict[str, Any], folder: Path) -> Path:
        moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path = folder / f"report-{moment}-{secrets.token_hex(4)}.json"
        text = json.dumps(document, indent=1, allow_nan=False) + "\n"
        try:
            with whole_file(path) as stream:
                stream.write(text.encode())
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        return path
