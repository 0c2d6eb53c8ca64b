# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy bench``."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.cli import options
from mdeploy.cli.recording import Recorder, history_options

__all__ = ["command"]


@click.command("bench", short_help="Run the native harness here or on a phone and report latency.")
@options.artifact_argument
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="D",
    help="local (default), qemu[:ABI], adb[:SERIAL] or adb:all; again for more. `mdeploy devices` lists them.",
)
@click.option("--app", is_flag=True, help="Run in the installed app instead of an adb shell.")
@click.option("--threads", type=click.IntRange(min=1), help="Default: the chosen cores, at most 4.")
@click.option("--warmup", type=click.IntRange(min=0), help="Untimed runs. Default: until latency is stable.")
@click.option("--runs", type=click.IntRange(min=1), help="Timed runs a round. Default: at least 10 and --min-seconds.")
@click.option("--min-seconds", type=click.FloatRange(min=0), help="A round lasts at least this long. Default: 1.")
@click.option("--rounds", type=click.IntRange(min=1), help="Repeat warm-up and timed runs. Default: 1.")
@click.option("--cooldown", type=click.FloatRange(min=0), metavar="S", help="Idle seconds before each round.")
@click.option("--affinity", metavar="A", help="all, big (default), little, or a hexadecimal mask of cores.")
@click.option("--sustained", type=click.FloatRange(min=0), metavar="MIN", help="Run on, with a median per minute.")
@click.option("--profile", is_flag=True, help="Time every operator.")
@click.option(
    "--against", type=options.PATH, metavar="B", help="Compare with artifact B: both in turn, each run a new process."
)
@click.option("--pairs", type=click.IntRange(1, 1000), default=5, show_default=True, help="Runs of each for --against.")
@options.max_regression_option
@options.tol_option
@click.option("--keystore", type=options.PATH, help="With --app: sign the app with the key in this file.")
@click.option(
    "-o", "--output", type=options.PATH, default=Path(), help="Directory for the reports. Default: the current one."
)
@history_options
@options.json_option
def command(
    artifact: Path,
    devices: tuple[str, ...],
    app: bool,
    threads: int | None,
    warmup: int | None,
    runs: int | None,
    min_seconds: float | None,
    rounds: int | None,
    cooldown: float | None,
    affinity: str | None,
    sustained: float | None,
    profile: bool,
    against: Path | None,
    pairs: int,
    max_regression: float,
    tol: float,
    keystore: Path | None,
    output: Path,
    recorder: Recorder,
    as_json: bool,
) -> int:
    """Run the packaged harness and report latency, parity checked on the device first.

    ARTIFACT is the directory that convert wrote (default: mdeploy-out). The report of each device is kept as
    NAME-bench-DEVICE.json. Exit code 1 when parity fails there. With --against, B is compared with ARTIFACT as `mdeploy
    diff` does, on runs made in turn, and exit code 1 also means slower by more than --max-regression.

    \b
    mdeploy bench
    mdeploy bench --threads 1 --runs 50 --profile
    mdeploy bench --device qemu
    mdeploy bench --device adb:all --sustained 10
    mdeploy bench main-out --against change-out --pairs 10
    """
    from mdeploy.cli.show.bench import print_outcomes
    from mdeploy.cli.show.diff import print_difference
    from mdeploy.deployment.devices.base import BenchOptions
    from mdeploy.deployment.devices.fleet import bench_all
    from mdeploy.deployment.devices.pairs import bench_pairs
    from mdeploy.errors import UsageError
    from mdeploy.formats.artifact import Artifact
    from mdeploy.progress import status

    asked = BenchOptions(
        threads=threads,
        warmup=warmup,
        runs=runs,
        min_seconds=min_seconds,
        cooldown_seconds=cooldown,
        rounds=rounds,
        affinity=affinity,
        sustained_minutes=sustained,
        profile=profile,
        tolerance=tol,
    )
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
    for outcome in outcomes:
        if outcome.report is not None:
            recorder.add(outcome.report.to_json(), artifact=opened.name, target=outcome.device)
    return print_outcomes(outcomes, as_json)
