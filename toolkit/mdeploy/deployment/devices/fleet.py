# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A bench on one or several devices: each has its own outcome, and one that fails does not stop the others."""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mdeploy.deployment.devices import Opener, openers
from mdeploy.deployment.devices.base import BenchOptions
from mdeploy.deployment.devices.bench import check_result, run_bench
from mdeploy.deployment.package.cross import ANDROID_ABIS, harnesses
from mdeploy.errors import InputError, MdeployError, UsageError
from mdeploy.files import check_writable, replace_file
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.report import Report
from mdeploy.progress import Tell, quiet

__all__ = ["Outcome", "bench_all"]


@dataclass(frozen=True)
class Outcome:
    """What came of one device: a report (of a failed run too), where it is kept, and the error if there is one."""

    device: str
    report: Report | None = None
    path: Path | None = None
    error: MdeployError | None = None
    earlier: Path | None = None
    """Where the report went that was there before."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "device": self.device,
            "error": None if self.error is None else str(self.error),
            "path": None if self.path is None else str(self.path),
            "report": None if self.report is None else self.report.to_json(),
        }


def bench_all(
    artifact: Artifact,
    selectors: Sequence[str],
    options: BenchOptions,
    folder: Path,
    *,
    app: bool = False,
    keystore: Path | None = None,
    tell: Tell = quiet,
) -> list[Outcome]:
    """Bench on every device that ``selectors`` name, phones at the same time, and keep the reports in ``folder``.

    Raises:
        UsageError: a selector means nothing, or flags do not go together.
        UnavailableError: a selector names no device.
        InputError: ``folder`` cannot be written.
    """
    apples = [selector for selector in selectors if selector.partition(":")[0] == "apple"]
    if apples:
        if len(apples) < len(selectors) or app or keystore is not None:
            raise UsageError("--device apple runs in its own app: it goes with no other device, --app or --keystore")
        return _bench_apples(artifact, apples, options, folder, tell)
    named = dict(pair for selector in selectors for pair in openers(selector))
    if app and not all(name.startswith("adb:") for name in named):
        raise UsageError("--app runs in the installed app: it needs --device adb[:SERIAL|:all]")
    if keystore is not None and not app:
        raise UsageError("--keystore signs the app: it needs --app")
    check_writable(folder)
    if app:
        return _bench_apps(artifact, list(named), options, folder, keystore, tell)

    phones = {name: opener for name, opener in named.items() if name.startswith("adb:")}
    if len(phones) > 1:
        # Built once and before, where several would wait for one another.
        harnesses(ANDROID_ABIS, tell)
    outcomes = _parallel({name: partial(_bench, artifact, opener, options, tell) for name, opener in phones.items()})
    for name, opener in named.items():  # one after the other: they share this machine's cores
        if name not in phones:
            outcomes[name] = _attempt(name, partial(_bench, artifact, opener, options, tell))
    return [_keep(outcomes[name], artifact, folder, "") for name in named]


def _bench(artifact: Artifact, opener: Opener, options: BenchOptions, tell: Tell) -> Report:
    with opener() as device:
        return run_bench(artifact, device, options, tell)


def _bench_apps(
    artifact: Artifact, names: Sequence[str], options: BenchOptions, folder: Path, keystore: Path | None, tell: Tell
) -> list[Outcome]:
    from mdeploy.deployment.devices.adb_app import bench_app
    from mdeploy.deployment.package.apk import build_apk

    with tempfile.TemporaryDirectory(prefix="mdeploy-app-") as place:
        tell("making the app")
        apk = build_apk(artifact, Path(place) / f"{artifact.name}.apk", keystore)

        def run(name: str) -> Report:
            result = bench_app(name.removeprefix("adb:"), apk, options, on_phase=lambda phase: tell(f"{name}: {phase}"))
            return Report.from_text(result.report, f"{name}: report")

        outcomes = _parallel({name: partial(run, name) for name in names})
    return [_keep(outcomes[name], artifact, folder, "-app") for name in names]


def _bench_apples(
    artifact: Artifact, selectors: Sequence[str], options: BenchOptions, folder: Path, tell: Tell
) -> list[Outcome]:
    from mdeploy.deployment.devices.apple import bench_apple, select_apple

    devices = {f"apple:{found.udid}": found for found in (select_apple(s[6:] or None) for s in selectors)}
    check_writable(folder)
    outcomes = _parallel({name: partial(bench_apple, artifact, one, options, tell) for name, one in devices.items()})
    return [_keep(outcomes[name], artifact, folder, "") for name in devices]


def _parallel(jobs: dict[str, Callable[[], Report]]) -> dict[str, Outcome]:
    if not jobs:
        return {}
    with concurrent.futures.ThreadPoolExecutor(min(len(jobs), 16)) as pool:
        return dict(zip(jobs, pool.map(_attempt, jobs.keys(), jobs.values()), strict=True))


def _attempt(name: str, job: Callable[[], Report]) -> Outcome:
    try:
        report = job()
    except MdeployError as error:
        return Outcome(name, error=error)
    try:
        check_result(report, name)
    except MdeployError as error:
        return Outcome(name, report, error=error)
    return Outcome(name, report)


def _keep(outcome: Outcome, artifact: Artifact, folder: Path, suffix: str) -> Outcome:
    if outcome.report is None:
        return outcome
    device = re.sub(r"[^A-Za-z0-9._-]+", "-", outcome.device)
    path = folder / f"{artifact.name}-bench-{device}{suffix}.json"
    earlier = _set_aside(path)
    text = json.dumps(outcome.report.to_json(), indent=1, allow_nan=False) + "\n"
    replace_file(path, text.encode())
    return Outcome(outcome.device, outcome.report, path, outcome.error, earlier)


def _set_aside(path: Path) -> Path | None:
    """Give a report that is there the next free number; return its new name."""
    if not path.is_file():
        return None
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(1))
    free = next(candidate for candidate in numbered if not candidate.exists())
    try:
        return path.rename(free)
    except OSError as error:
        raise InputError(f"cannot keep {path} as {free}: {error.strerror or error}") from error
