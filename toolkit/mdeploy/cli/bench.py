# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy bench``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mdeploy.cli import options
from mdeploy.cli.recording import Recorder, history_options
from mdeploy.deployment.devices.base import BenchOptions, MeasureFlag

__all__ = ["command"]

F = TypeVar("F", bound=Callable[..., Any])


def _measure_options(function: F) -> F:
    """The flags of ``BenchOptions``, each as a parameter with its field's name."""
    for name, flag in reversed(BenchOptions.flags().items()):
        function = click.option(flag.name, name, metavar=flag.metavar, help=flag.help, **_click_type(flag))(function)
    return function


def _click_type(flag: MeasureFlag) -> dict[str, Any]:
    if flag.kind is bool:
        return {"is_flag": True}
    if flag.kind is int:
        return {"type": click.IntRange(int(flag.low or 0), int(flag.high or 0))}
    return {"type": options.FiniteRange(flag.low, flag.high)} if flag.kind is float else {}


@click.command("bench", short_help="Run the native harness here or on a phone and report latency.")
@options.artifact_argument
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="D",
    help="local (default), qemu[:ABI], adb[:SERIAL], adb:all or apple[:UDID]; again for more. `mdeploy devices` lists "
    "them.",
)
@click.option("--app", is_flag=True, help="Run in the installed app instead of an adb shell.")
@_measure_options
@click.option(
    "--against", type=options.PATH, metavar="B", help="Compare with artifact B: both in turn, each run a new process."
)
@click.option("--pairs", type=click.IntRange(1, 1000), default=5, show_default=True, help="Runs of each for --against.")
@options.max_regression_option
@options.tol_option("tol")
@options.keystore_option("With --app: ")
@options.output_option("Directory for the reports.")
@history_options
@options.json_option
def command(
    artifact: Path,
    devices: tuple[str, ...],
    app: bool,
    against: Path | None,
    pairs: int,
    max_regression: float,
    tol: float,
    keystore: Path | None,
    output: Path,
    recorder: Recorder,
    as_json: bool,
    **measure: Any,
) -> int:
    """Run the packaged harness and report latency, parity checked on the device first.

    ARTIFACT is the directory that convert wrote (default: mdeploy-out). The report of each device is written to
    NAME-bench-DEVICE.json; an earlier one is kept as NAME-bench-DEVICE-1.json and so on. Exit code 1 when parity fails
    on the device. With --against, B is compared with ARTIFACT as `mdeploy diff` does, on runs made in turn, and exit
    code 1 also means slower by more than --max-regression.

    \b
    mdeploy bench
    mdeploy bench --threads 1 --runs 50 --profile
    mdeploy bench --device qemu
    mdeploy bench --device adb:all --sustained 10
    mdeploy bench --device apple
    mdeploy bench main-out --against change-out --pairs 10
    """
    from mdeploy.cli.show.bench import print_outcomes
    from mdeploy.cli.show.diff import print_difference
    from mdeploy.deployment.devices.fleet import bench_all
    from mdeploy.deployment.devices.pairs import bench_pairs
    from mdeploy.errors import UsageError
    from mdeploy.formats.artifact import Artifact
    from mdeploy.progress import status

    asked = BenchOptions(**measure, tolerance=tol)
    if against is not None:
        if app or len(devices) > 1:
            raise UsageError("--against compares on one device, from the shell: one --device, without --app")
        with status("bench") as tell:
            ours, theirs = (Artifact.open(path, verify=False) for path in (artifact, against))
            device, made = bench_pairs(ours, theirs, devices[0] if devices else "local", asked, pairs, tell)
        for first, second in made:
            recorder.add(first.to_json(), artifact=ours.name, target=device)
            recorder.add(second.to_json(), artifact=theirs.name, target=device)
        a, b = [first for first, _ in made], [second for _, second in made]
        return print_difference(a, b, (str(artifact), str(against)), max_regression, as_json)
    with status("bench") as tell:
        # The harness checks every hash itself, and a golden value that was changed is its parity failure to report.
        opened = Artifact.open(artifact, verify=False)
        outcomes = bench_all(opened, devices or ("local",), asked, output, app=app, keystore=keystore, tell=tell)
    runs = {
        outcome.device: recorder.add(outcome.report.to_json(), artifact=opened.name, target=outcome.device)
        for outcome in outcomes
        if outcome.report is not None
    }
    return print_outcomes(outcomes, as_json, runs)
