# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How often `mdeploy diff` is right: pairs of runs of one build, and of one with a known slow-down put in.

    python benchmarks/diff_trials.py                                  # the bundled net, 20 trials
    python benchmarks/diff_trials.py --source net.pt --trials 5 --keep runs.jsonl
    python benchmarks/diff_trials.py --replay runs.jsonl --group 5    # judge kept runs again, five a side

A trial is three benches, each a process of its own: the build, the build again, and the build with work added to its
net until it is slower by the wanted share (two convolutions whose result is exactly zero, so parity holds). The first
pair should show no difference, the second should be slower. Runs go to --keep as they end, so that a trial may be
interrupted and trials of several hours pooled.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from mdeploy.cli.show.output import stdout_console
from mdeploy.cli.show.terminal import print_table
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.deployment.devices.base import BenchOptions
from mdeploy.deployment.devices.bench import check_result, run_bench
from mdeploy.deployment.devices.local import LocalDevice
from mdeploy.formats.artifact import Artifact
from mdeploy.reports.diff import Difference, compare_runs
from mdeploy.tables import Table, number
from slower_net import CHANNEL_STEP, add_work

ROOT = Path(__file__).resolve().parent.parent
CONSOLE = Console(stderr=True)
ROLES = ("build", "again", "slower")
_CALIBRATION_ROUNDS = 5


def bench(artifact: Artifact, options: BenchOptions) -> list[float]:
    """One process of the harness; every timed run in ms."""
    with LocalDevice() as device:
        report = run_bench(artifact, device, options)
    check_result(report, "local")
    assert report.latency_ms is not None
    return list(report.latency_ms.samples)


def lower_quartile(samples: Sequence[float]) -> float:
    return statistics.quantiles(samples, n=4)[0]


def calibrate(artifact: Artifact, share: float, options: BenchOptions, folder: Path) -> Artifact:
    """Add as much work as makes the net slower by ``share``, found by benches in turn."""
    hidden = 4 * CHANNEL_STEP
    for _ in range(3):
        slower = add_work(artifact, hidden, folder)
        ratios = []
        for _ in range(_CALIBRATION_ROUNDS):
            plain, loaded = (lower_quartile(bench(which, options)) for which in (artifact, slower))
            ratios.append(loaded / plain - 1)
        found = statistics.median(ratios)
        CONSOLE.print(f"{hidden} channels of added work: {found:+.2%}", highlight=False)
        if abs(found - share) < 0.1 * share:
            break
        hidden = max(1, round(hidden * share / max(found, share / 8) / CHANNEL_STEP)) * CHANNEL_STEP
    return add_work(artifact, hidden, folder)


def measure(
    source: Path, trials: int, share: float, channels: int | None, options: BenchOptions, keep: Path, work: Path
) -> None:
    """Run the trials and append every run to ``keep``."""
    artifact = Artifact.open(source) if source.is_dir() else Artifact.open(_converted(source, work / "artifact"))
    if channels is None:
        slower = calibrate(artifact, share, options, work / "slower")
    else:
        slower = add_work(artifact, channels, work / "slower")
    first = 1 + max([run["trial"] for run in _runs(keep)], default=0)
    for trial in range(first, first + trials):
        for role, which in zip(ROLES, (artifact, artifact, slower), strict=True):
            run = {"trial": trial, "role": role, "model": artifact.name, "samples": bench(which, options)}
            with keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps(run) + "\n")
        CONSOLE.print(f"trial {trial}", highlight=False)


def judge(runs: Sequence[dict[str, Any]], group: int = 1) -> list[dict[str, Difference]]:
    """For each whole trial, or each ``group`` of them taken together as runs made in turn: the same build against
    itself, and the slower one against the build."""
    trials: dict[int, dict[str, list[float]]] = {}
    for run in runs:
        trials.setdefault(run["trial"], {})[run["role"]] = run["samples"]
    whole = [trial for trial in trials.values() if len(trial) == len(ROLES)]
    results = []
    for start in range(0, len(whole) - group + 1, group):
        build, again, slower = ([trial[role] for trial in whole[start : start + group]] for role in ROLES)
        results.append({"same": compare_runs(build, again), "slower": compare_runs(again, slower)})
    return results


def summary(results: Sequence[dict[str, Difference]]) -> dict[str, Any]:
    """Counts, and how far apart runs of one build were."""
    same, slower = ([result[name] for result in results] for name in ("same", "slower"))
    return {
        "trials": len(results),
        "same_no_difference": sum(d.verdict == "no difference" for d in same),
        "same_largest_change": max(abs(d.change) for d in same),
        "same_median_change": statistics.median(abs(d.change) for d in same),
        "slower_found": sum(d.verdict == "slower" for d in slower),
        "slower_median_change": statistics.median(d.change for d in slower),
        "slower_changes": [d.change for d in slower],
        "same_changes": [d.change for d in same],
    }


def show(results: Sequence[dict[str, Difference]]) -> None:
    headings = ("trial", "same build", "change", "99 % interval", "slower build", "change", "99 % interval")
    rows = []
    for trial, result in enumerate(results, 1):
        cells = [str(trial)]
        for name in ("same", "slower"):
            found = result[name]
            cells += [found.verdict, f"{found.change:+.2%}", f"{found.low - 1:+.2%} to {found.high - 1:+.2%}"]
        rows.append(cells)
    print_table(Table("", tuple(map(number, headings)), rows), stdout_console())


def _converted(source: Path, folder: Path) -> Path:
    convert(source, ConvertOptions(output=folder))
    return folder


def _runs(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


@click.command(help=__doc__)
@click.option("--source", type=Path, default=ROOT / "examples" / "resnest_small_cifar10.pt", help="Model or artifact.")
@click.option("--trials", type=click.IntRange(0), default=20, show_default=True)
@click.option("--slowdown", type=float, default=5.0, show_default=True, help="Percent put in.")
@click.option("--channels", type=click.IntRange(1), help="Add so much work instead of finding out how much it takes.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--min-seconds", type=float, default=1.0, show_default=True, help="Of timed runs in a bench.")
@click.option("--keep", type=Path, help="Append every run to this file (JSON lines).")
@click.option("--replay", type=Path, help="Measure nothing: judge the runs of this file.")
@click.option("--group", type=click.IntRange(1), default=1, show_default=True, help="Runs a side of a comparison.")
@click.option("--json", "as_json", is_flag=True, help="Counts as JSON.")
def main(
    source: Path,
    trials: int,
    slowdown: float,
    channels: int | None,
    threads: int,
    min_seconds: float,
    keep: Path | None,
    replay: Path | None,
    group: int,
    as_json: bool,
) -> None:
    """Run the trials and print what came out."""
    with tempfile.TemporaryDirectory(prefix="mdeploy-trials-") as folder:
        kept = replay or keep or Path(folder) / "runs.jsonl"
        if replay is None:
            options = BenchOptions(threads=threads, min_seconds=min_seconds)
            measure(source, trials, slowdown / 100, channels, options, kept, Path(folder))
        results = judge(_runs(kept), group)
    if not results:
        raise SystemExit("no whole trial")
    if as_json:
        click.echo(json.dumps(summary(results), indent=2))
        return
    show(results)
    found = summary(results)
    click.echo(f"same build: no difference in {found['same_no_difference']} of {found['trials']}")
    click.echo(f"slower build: found in {found['slower_found']} of {found['trials']}")


if __name__ == "__main__":
    main()
