# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One bench: lay the package's files out on a device, run the harness there, bring its report back and check it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mdeploy.deployment.devices.base import BenchOptions, Completed, Device
from mdeploy.deployment.package.cross import HARNESS, harness
from mdeploy.deployment.package.layout import HARNESS_ARGUMENTS, payload
from mdeploy.errors import InputError, MdeployError, UnavailableError, error_for_status
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.report import Report, find_report_line
from mdeploy.progress import Tell, quiet

__all__ = ["check_result", "run_bench"]

_REPORT = "report.json"


def run_bench(
    artifact: Artifact,
    device: Device,
    options: BenchOptions,
    tell: Tell = quiet,
) -> Report:
    """Run the harness on ``device`` and return its report, whatever its status.

    Raises:
        UnavailableError: the device goes away or does not end, or there is no harness for it.
        InputError: what came back is no report.
        MdeployError: the harness ended without a report.
    """
    executable = harness(device.abi, tell)
    tell(f"copying to {device.description}")
    device.put(executable, HARNESS, executable=True)
    for name, path in payload(artifact).items():
        device.put(path, name)
    tell(f"running on {device.description}")
    command = [HARNESS, *HARNESS_ARGUMENTS, "--tol", repr(options.tolerance), *options.arguments(), "--report", _REPORT]
    done = device.run(command, timeout=options.timeout_seconds(device.slowdown))
    report = _report_of(device, done)
    if report.exit_code != done.exit_code:
        raise MdeployError(
            f"{device.name}: the harness ended with exit code {done.exit_code}, its report says {report.status}"
        )
    return report


def check_result(report: Report, device: str) -> None:
    """Raise the error that goes with a report's status; nothing for ``ok``."""
    if report.status != "ok":
        raise error_for_status(report.exit_code, f"{device}: {report.error or report.status}")


def _report_of(device: Device, done: Completed) -> Report:
    """The report file, or the line on stdout where a device does not give the file back."""
    with tempfile.TemporaryDirectory(prefix="mdeploy-report-") as folder:
        target = Path(folder) / _REPORT
        try:
            device.fetch(_REPORT, target)
            text: str | None = target.read_text(encoding="utf-8", errors="replace")
        except UnavailableError:
            text = find_report_line(done.stdout)
    if text is not None:
        return Report.from_text(text, f"{device.name}: report")
    said = [line for line in done.stderr.splitlines() if line.strip()]
    reason = said[-1].removeprefix("mdeploy-harness: ") if said else f"exit code {done.exit_code}, and no report"
    if done.exit_code == 0:
        raise InputError(f"{device.name}: the harness ended well but gave no report")
    raise error_for_status(done.exit_code, f"{device.name}: {reason}")
