# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Progress of long work: drawn on a terminal, silent in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Advance", "Tell", "progress_bar", "quiet", "status"]

Tell = Callable[[str], None]
"""Is told, in one line, what long work does next."""


def quiet(_message: str) -> None:
    """A ``Tell`` that nobody listens to."""


class Advance(Protocol):
    """Moves a bar by so many steps, and may say what is being done."""

    def __call__(self, steps: int, message: str = "", /) -> None: ...


@contextmanager
def status(message: str) -> Iterator[Tell]:
    """Show a spinner with ``message`` on stderr while the block runs. Yields a function that changes the message."""
    if not sys.stderr.isatty():
        yield quiet
        return
    from rich.console import Console

    with Console(stderr=True).status(message) as spinner:
        yield spinner.update


@contextmanager
def progress_bar(message: str, total: int) -> Iterator[Advance]:
    """Show a bar with count and remaining time on stderr. Yields a function that advances it by so many steps."""
    if not sys.stderr.isatty():
        yield lambda _steps, _message="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(message, total=total)
        yield lambda steps, text="": progress.update(task, advance=steps, description=text or message)
