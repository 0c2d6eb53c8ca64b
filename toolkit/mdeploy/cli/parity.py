# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy parity``."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.cli import options

__all__ = ["command"]


@click.command("parity", short_help="Prove that every runtime computes what PyTorch computed.")
@options.artifact_argument
@options.tol_option
@options.rtol_option
@options.backends_option
@options.source_option
@options.threads_option
@options.json_option
def command(
    artifact: Path,
    tol: float,
    rtol: float,
    backends: tuple[str, ...] | None,
    source: Path | None,
    threads: int,
    as_json: bool,
) -> int:
    """Compare every runtime with what PyTorch computed.

    ARTIFACT is the directory that convert wrote (default: mdeploy-out). Its golden cases run on every installed
    runtime; each output must be within the tolerance of the recorded one. Exit code 1 when one is not.

    \b
    mdeploy parity --tol 1e-5
    mdeploy parity my-artifact --backends mdeploy,caffe2 --json
    """
    from mdeploy.artifact import Artifact
    from mdeploy.backends import PrepareOptions
    from mdeploy.cli.output import print_json, stdout_console
    from mdeploy.parity.run import run_parity
    from mdeploy.parity.table import print_report
    from mdeploy.parity.tolerance import Tolerance
    from mdeploy.progress import status

    with status("parity") as tell:
        opened = Artifact.open(artifact)
        report = run_parity(opened, Tolerance(tol, rtol), backends, PrepareOptions(threads, source), tell)
    if as_json:
        print_json(report.to_json())
    else:
        print_report(report, stdout_console())
    return report.exit_code
