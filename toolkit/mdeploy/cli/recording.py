# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every report goes into the history, unless asked not to. A history that cannot be written never fails a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from mdeploy.cli.options import db_option
from mdeploy.errors import InputError

__all__ = ["Recorder", "history_options"]


@dataclass(frozen=True)
class Recorder:
    """Where to record, if anywhere."""

    path: Path | None
    enabled: bool

    def add(self, document: dict[str, Any], *, artifact: str | None = None, target: str = "") -> int | None:
        """Append a run and return its number; on failure say so on stderr and go on."""
        if not self.enabled:
            return None
        from mdeploy.reports.history import History

        try:
            return History(self.path).record(document, artifact=artifact, target=target)
        except InputError as error:
            click.echo(f"mdeploy: not recorded: {error}", err=True)
            return None


def history_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--db`` and ``--no-history``, handed to the verb as one ``recorder``."""

    @db_option
    @click.option("--no-history", is_flag=True, help="Do not record this run.")
    @wraps(function)
    def wrapped(*arguments: Any, db: Path | None, no_history: bool, **flags: Any) -> Any:
        return function(*arguments, recorder=Recorder(db, not no_history), **flags)

    return wrapped
