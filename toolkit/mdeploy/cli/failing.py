# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Where an error becomes an exit code, a line on stderr, and with ``--json`` an object on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any

import click

from mdeploy.errors import EXIT_BROKEN_PIPE, EXIT_INTERNAL, EXIT_INTERRUPTED, InputError, MdeployError, UsageError
from mdeploy.packages import missing
from mdeploy.text import harmless

__all__ = ["ERROR_SCHEMA", "report_error"]

ERROR_SCHEMA = "mdeploy-error/1"

_NO_ARGUMENTS = getattr(click.exceptions, "NoArgsIsHelpError", ())  # since click 8.2; before, click prints the help


@dataclass(frozen=True)
class _Failure:
    """What is said of an error. ``kind`` is one of the words that reports use for their status."""

    message: str
    exit_code: int
    kind: str
    details: dict[str, Any] = field(default_factory=dict)


def report_error(error: BaseException, program: str, as_json: bool) -> int:
    """Say what happened and return the exit code. Raises nothing."""
    if isinstance(error, _NO_ARGUMENTS):
        click.echo(str(error), err=True)
        return UsageError.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else EXIT_INTERNAL
    if isinstance(error, BrokenPipeError):
        # The reader of our output has gone (`mdeploy inspect x | head`): end quietly, and do not let the
        # interpreter complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    failure = _failure(error, program)
    message = harmless(" ".join(failure.message.split()))
    with contextlib.suppress(BrokenPipeError):  # nobody reads it: the exit code still tells
        if as_json:
            document = {"schema": ERROR_SCHEMA, "error": message, "exit_code": failure.exit_code, "kind": failure.kind}
            click.echo(json.dumps({**document, **failure.details}))
        click.echo(f"{program}: {message}", err=True)
    return failure.exit_code


def _failure(error: BaseException, program: str) -> _Failure:
    if isinstance(error, ModuleNotFoundError):
        error = missing(error) or error
    if isinstance(error, MdeployError):
        return _Failure(str(error), error.exit_code, error.kind, error.details())
    if isinstance(error, click.ClickException):
        return _click_failure(error, program)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _Failure("interrupted", EXIT_INTERRUPTED, "cancelled")
    if isinstance(error, OSError) and error.filename is not None:
        return _Failure(f"{error.filename}: {error.strerror or error}", InputError.exit_code, InputError.kind)
    if isinstance(error, MemoryError):
        return _Failure("out of memory", EXIT_INTERNAL, MdeployError.kind)
    detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    message = f"internal error: {detail} (--debug shows the traceback)"
    return _Failure(message, EXIT_INTERNAL, MdeployError.kind)


def _click_failure(error: click.ClickException, program: str) -> _Failure:
    message = error.format_message()
    if isinstance(error, click.FileError) or _is_failed_path_check(error):
        return _Failure(message, InputError.exit_code, InputError.kind)
    context = error.ctx if isinstance(error, click.UsageError) else None
    where = context.command_path if context else program
    return _Failure(f"{message} (see `{where} --help`)", UsageError.exit_code, UsageError.kind)


def _is_failed_path_check(error: click.ClickException) -> bool:
    # A path that click looked at and did not like is bad input, not bad usage.
    return (
        isinstance(error, click.BadParameter)
        and not isinstance(error, click.MissingParameter)
        and error.param is not None
        and isinstance(error.param.type, (click.Path, click.File))
    )
