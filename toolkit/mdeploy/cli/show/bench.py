# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How the outcomes of a bench are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mdeploy.cli.show.output import print_json, say, stdout_console
from mdeploy.cli.show.report import print_comparison, print_report
from mdeploy.deployment.devices.fleet import Outcome

__all__ = ["print_outcomes"]


def print_outcomes(outcomes: Sequence[Outcome], as_json: bool, runs: Mapping[str, int | None] | None = None) -> int:
    """Print every report and every error; return the exit code, that of the first device that failed.

    ``runs`` has the numbers in the history by device, where there are any.

    With one device, JSON is its report itself; with several, one object per device. A lone error without a report is
    raised for the root command to print.
    """
    if len(outcomes) == 1 and outcomes[0].report is None and outcomes[0].error is not None:
        raise outcomes[0].error
    if as_json:
        documents = [outcome.to_json() for outcome in outcomes]
        print_json(documents[0]["report"] if len(outcomes) == 1 else {"devices": documents})
    else:
        console = stdout_console()
        for outcome in outcomes:
            if outcome.report is not None:
                print_report(outcome.report, console, outcome.device)
                if outcome.path is not None:
                    console.print(f"report: {outcome.path}", highlight=False, markup=False, soft_wrap=True)
                if outcome.earlier is not None:
                    earlier = f"the earlier report is kept: {outcome.earlier}"
                    console.print(earlier, highlight=False, markup=False, soft_wrap=True)
                run = (runs or {}).get(outcome.device)
                if run is not None:
                    compared = f"`mdeploy diff A {run}` compares it with run A"
                    console.print(f"run {run} of `mdeploy history`; {compared}", highlight=False, markup=False)
        rows = [(outcome.device, outcome.report) for outcome in outcomes if outcome.report is not None]
        if len(rows) > 1:
            print_comparison(rows, console)
    for outcome in outcomes:
        if outcome.error is not None:
            say(f"mdeploy: {outcome.error}", err=True)
    return next((outcome.error.exit_code for outcome in outcomes if outcome.error is not None), 0)
