# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The root command: the table of verbs, and ``run``, which every command of the project goes through.

A verb is a module of this package with a click command called ``command``, and one line of ``VERBS``. Modules are
imported when their verb is used, so ``mdeploy --help`` imports neither torch nor numpy.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from mdeploy.cli.failing import report_error
from mdeploy.cli.verbs import VerbGroup, debug_option
from mdeploy.version import __version__

__all__ = ["VERBS", "main", "root", "run"]

VERBS: dict[str, str] = {
    "convert": "Turn a trained model into ONNX and a Caffe2 net pair.",
    "preprocess": "Say how an image becomes an artifact's input, without converting again.",
    "parity": "Prove that every backend computes what PyTorch computed.",
    "package": "Make what goes onto a phone: a zip, and an app for Android.",
    "bench": "Run the native harness here or on a phone and report latency.",
    "predict": "Classify images on several backends and compare their scores.",
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

root = VerbGroup(
    "mdeploy",
    VERBS,
    "mdeploy.cli",
    help="""Take a trained PyTorch classifier to a phone, and prove in numbers what happened to it on the way.

    \b
    mdeploy convert ckpt.pt            writes mdeploy-out/
    mdeploy parity --tol 1e-5          compares every backend with PyTorch
    mdeploy package --target android   writes NAME-android.zip
    mdeploy bench                      runs the native harness and reports latency
    """,
    epilog="Exit codes: 0 done; 1 a check failed; 2 usage; 3 input missing, corrupt or refused; 4 something in the "
    "model is unsupported; 5 a tool, backend or device is missing; 70 internal error; 130 interrupted; "
    "141 the reader of the output has gone.",
    params=[debug_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
click.version_option(__version__, "-V", "--version", prog_name="mdeploy")(root)


def main() -> NoReturn:
    """Entry point of the command ``mdeploy``."""
    # A plain kill should clean up like Ctrl-C does: nothing half-written, no child left behind.
    signal.signal(signal.SIGTERM, _interrupt)
    # A label that the terminal has no letters for is shown with marks in their place.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str], command: click.Command = root, program: str = "mdeploy") -> int:
    """Run one command line and return its exit code. Errors are a line on stderr, with --json also an object on stdout.

    Every command of the project goes through here, so that all of them fail alike.
    """
    state = {"debug": os.environ.get("MDEPLOY_DEBUG", "") not in ("", "0")}
    # Looked for by hand: a command line that cannot be parsed has no flags yet.
    flags = arguments[: arguments.index("--")] if "--" in arguments else arguments
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
        return report_error(error, program, "--json" in flags)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
