# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The root command: the table of verbs, and the one place where an error becomes an exit code and a line.

A verb is a module of this package with a click command called ``command``, and one line of ``VERBS``. Modules are
imported when their verb is used, so ``mdeploy --help`` imports neither torch nor numpy.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from mdeploy import __version__
from mdeploy.errors import EXIT_BROKEN_PIPE, EXIT_INTERNAL, EXIT_INTERRUPTED, InputError, MdeployError, UsageError

__all__ = ["VERBS", "debug_option", "main", "root", "run"]

VERBS: dict[str, str] = {
    "convert": "Turn a trained model into ONNX and a Caffe2 net pair.",
    "parity": "Prove that every runtime computes what PyTorch computed.",
    "package": "Make what goes onto a phone: a zip, and an app for Android.",
    "bench": "Run the native harness here or on a phone and report latency.",
    "predict": "Classify images on any runtimes and compare their scores.",
    "evaluate": "Accuracy, agreement and time per image over test sets.",
    "report": "Put runs onto one self-contained HTML page.",
    "history": "List the runs that were recorded.",
    "diff": "Compare the latencies of two runs.",
    "collect": "Receive reports from phones and keep them.",
    "inspect": "Show what is in a net, an ONNX file or an artifact.",
    "devices": "List the devices that bench can use.",
    "doctor": "Check what is installed here and say how to get the rest.",
    "demo": "Run the main job on the bundled checkpoint.",
}
"""Name and one-line help, in the order of the work."""

_NO_ARGUMENTS = getattr(click.exceptions, "NoArgsIsHelpError", ())  # since click 8.2; before, click prints the help


class _LazyGroup(click.Group):
    """Lists the verbs from the table and imports one only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"mdeploy.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        if not any(parameter.name == "debug" for parameter in command.params):
            command.params.append(debug_option())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        # click's own version imports every command for its help.
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


def _note_debug(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().obj["debug"] = True


def debug_option() -> click.Option:
    """Return a new ``--debug``, which works before and after the verb."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_note_debug,
        help="Show the traceback of an error.",
    )


@click.group(
    cls=_LazyGroup,
    params=[debug_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="Exit codes: 0 done; 1 a check failed; 2 usage; 3 input missing, corrupt or refused; 4 something in the "
    "model is unsupported; 5 a tool, runtime or device is missing; 70 internal error; 130 interrupted; "
    "141 the reader of the output has gone.",
)
@click.version_option(__version__, "-V", "--version", prog_name="mdeploy")
def root() -> None:
    """Take a trained PyTorch classifier to a phone, and prove in numbers what happened to it on the way.

    \b
    mdeploy convert ckpt.pt            writes mdeploy-out/
    mdeploy parity --tol 1e-5          compares every runtime with PyTorch
    mdeploy package --target android   writes NAME-android.zip
    mdeploy bench                      runs the native harness and reports latency
    """


def main() -> NoReturn:
    """Entry point of the command ``mdeploy``."""
    # A plain kill should clean up like Ctrl-C does: nothing half-written, no child left behind.
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str], command: click.Command = root, program: str = "mdeploy") -> int:
    """Run one command line and return its exit code. Errors are one line on stderr.

    Every command of the project goes through here, so that all of them fail alike.
    """
    state = {"debug": os.environ.get("MDEPLOY_DEBUG", "") not in ("", "0")}
    try:
        # Not command.main(): it ends the process with 1, our "a check failed", when a pipe closes.
        with command.make_context(program, list(arguments), obj=state) as context:
            result = command.invoke(context)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except BaseException as error:
        if state["debug"]:
            traceback.print_exc()
        return _report(error, program)


def _report(error: BaseException, program: str) -> int:
    """Print one line for an error and return its exit code."""
    if isinstance(error, MdeployError):
        return _fail(str(error), error.exit_code, program)
    if isinstance(error, _NO_ARGUMENTS):
        click.echo(str(error), err=True)
        return UsageError.exit_code
    if isinstance(error, click.ClickException):
        return _report_click(error, program)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _fail("interrupted", EXIT_INTERRUPTED, program)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else EXIT_INTERNAL
    if isinstance(error, BrokenPipeError):
        # The reader of our output has gone (`mdeploy inspect x | head`): end quietly, and do not let the
        # interpreter complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    if isinstance(error, OSError) and error.filename is not None:
        return _fail(f"{error.filename}: {error.strerror or error}", InputError.exit_code, program)
    if isinstance(error, MemoryError):
        return _fail("out of memory", EXIT_INTERNAL, program)
    detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return _fail(f"internal error: {detail} (--debug shows the traceback)", EXIT_INTERNAL, program)


def _report_click(error: click.ClickException, program: str) -> int:
    message = error.format_message()
    if isinstance(error, click.FileError) or _is_failed_path_check(error):
        return _fail(message, InputError.exit_code, program)
    context = error.ctx if isinstance(error, click.UsageError) else None
    where = context.command_path if context else program
    return _fail(f"{message} (see `{where} --help`)", UsageError.exit_code, program)


def _is_failed_path_check(error: click.ClickException) -> bool:
    # A path that click looked at and did not like is bad input, not bad usage.
    return (
        isinstance(error, click.BadParameter)
        and not isinstance(error, click.MissingParameter)
        and error.param is not None
        and isinstance(error.param.type, (click.Path, click.File))
    )


def _fail(message: str, code: int, program: str) -> int:
    with contextlib.suppress(BrokenPipeError):  # nobody reads it: the exit code still tells
        click.echo(f"{program}: {' '.join(message.split())}", err=True)
    return code


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
