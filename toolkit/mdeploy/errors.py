# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every error that a user can meet, and the exit code of each.

::

    MdeployError
     ├─ CheckFailed        1   parity, device parity or a regression check did not hold
     ├─ UsageError         2   flags that do not go together
     ├─ InputError         3   an input is missing, unreadable, corrupt or refused
     ├─ UnsupportedError   4   the model needs something we cannot express, every such node named
     └─ UnavailableError   5   a tool, runtime or device is missing; the message says how to get it

Anything else that escapes is an internal error (70); an interrupt is 130; a pipe that closes behind us, as in
``mdeploy ... | head``, is 141, as the shell says it of any program. The C ABI uses the same numbers.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "EXIT_BROKEN_PIPE",
    "EXIT_INTERNAL",
    "EXIT_INTERRUPTED",
    "CheckFailed",
    "InputError",
    "MdeployError",
    "UnavailableError",
    "UnsupportedError",
    "UsageError",
    "error_for_status",
    "first_line",
    "named_line",
]

EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

_MAX_LINE = 300


class MdeployError(Exception):
    """Base of all errors that are shown to the user as one line, without a traceback."""

    exit_code: int = EXIT_INTERNAL
    kind: str = "internal_error"
    """One word for machines: what a report of the harness calls its status."""

    def details(self) -> dict[str, Any]:
        """What machines are told beside the message, as plain JSON values."""
        return {}


class CheckFailed(MdeployError):  # noqa: N818 - a verdict, not a fault
    """A check ran and did not hold."""

    exit_code = 1
    kind = "check_failed"


class UsageError(MdeployError):
    """The command line, or a call, does not make sense."""

    exit_code = 2
    kind = "usage"


class InputError(MdeployError):
    """A file or directory is missing, unreadable, corrupt, or refused for safety."""

    exit_code = 3
    kind = "bad_input"


class UnsupportedError(MdeployError):
    """Something in the model cannot be expressed; the message lists every such node."""

    exit_code = 4
    kind = "unsupported"


class UnavailableError(MdeployError):
    """A needed tool, runtime or device is not there; the message says how to get it."""

    exit_code = 5
    kind = "unavailable"


_BY_STATUS: dict[int, type[MdeployError]] = {
    cls.exit_code: cls for cls in (CheckFailed, UsageError, InputError, UnsupportedError, UnavailableError)
}


def error_for_status(status: int, message: str) -> MdeployError:
    """Return the error for a status of the C ABI or an exit code of the harness."""
    return _BY_STATUS.get(status, MdeployError)(message)


def first_line(error: BaseException, *, whole: bool = False) -> str:
    """What a foreign error says, as one line to put into a message of ours: its first line that is not blank.

    ``whole`` joins all its lines, for libraries that name what is at fault in the second one. At most 300 characters;
    an error without words gives the name of its class.
    """
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    said = [line for line in lines if line]
    text = " ".join(said) if whole else next(iter(said), "")
    return text[:_MAX_LINE] or type(error).__name__


def named_line(error: BaseException) -> str:
    """``first_line`` after the name of the error's class, for errors that nobody expected."""
    line, name = first_line(error), type(error).__name__
    return name if line == name else f"{name}: {line}"
