# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The log of a run: one JSON line per epoch, and TensorBoard's events where asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from mdeploy.errors import InputError
from mdeploy.packages import installed

__all__ = ["RunLog", "read_log"]


class RunLog:
    """Writes lines as they come.

    Args:
        path: None writes nothing, for processes other than the first.
        history: lines of the epochs before, of a run that goes on; the file is written anew with them.
        tensorboard: a folder for events, besides.
    """

    def __init__(self, path: Path | None, history: Sequence[Mapping[str, Any]], tensorboard: Path | None) -> None:
        self._closing = ExitStack()
        self._file = self._events = None
        if path is None:
            return
        try:
            self._file = self._closing.enter_context(path.open("w", encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot write the log: {error.strerror}") from error
        if tensorboard is not None:
            with installed():
                from torch.utils.tensorboard import SummaryWriter
            self._events = SummaryWriter(str(tensorboard))
            self._closing.callback(self._events.close)
        for line in history:
            self.write(line)

    def write(self, line: Mapping[str, Any]) -> None:
        """Write the line of one epoch."""
        if self._file is None:
            return
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        if self._events is not None:
            for key in ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "lr", "images_per_second"):
                self._events.add_scalar(key, line[key], line["epoch"])

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log. Raises ``InputError`` naming the line that is not one."""
    lines: list[dict[str, Any]] = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read the log: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            values = json.loads(line)
            if not isinstance(values["epoch"], int) or not isinstance(values["test_accuracy"], float):
                raise TypeError
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: line {number} is not the line of an epoch") from error
        lines.append(values)
    if not lines:
        raise InputError(f"{path}: no epoch in the log")
    return lines
