# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Our runtime beside the ones that a user would pick instead, on the same machine, in the same run.

    python benchmarks/peers.py --setup                # once: environments with the peers (several GB)
    python benchmarks/peers.py                        # every net, 1 and 2 threads, 20 rounds
    python benchmarks/peers.py basic --threads 1 --peers mdeploy,onnxruntime --json

Every runtime is loaded through mdeploy's backends, gets the form of the net that suits it best, computes in float32,
and takes and gives NumPy arrays. Each runs in a process of its own; one is awake at a time, in turn, and its output
must agree with torch's before anything is timed. Ratios are medians of per-round ratios, so what the machine does
meanwhile meets both sides. The ceiling is what the cores reach with nothing but multiply-adds in registers, measured
in the same rounds.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from mdeploy.backends import caffe2
from mdeploy.backends.optional.environment import find_home, install, why_missing
from mdeploy.backends.registry import get_backend
from mdeploy.backends.table import BACKENDS, CONVERTED, info_of
from mdeploy.cli.show.output import stdout_console
from mdeploy.cli.show.terminal import print_table
from mdeploy.tables import Table, name, number
from mdeploy.tensors import element_scale
from native_build import build
from peer_runtimes.artifacts import environment, prepare
from peer_runtimes.forms import FILES as FORMS
from peer_runtimes.nets import NETS

CONSOLE = Console(stderr=True)

TOLERANCE = 1e-4
"""Of |a - b| / max(1, |b|) against torch: rounding stays far below, a wrong result far above."""


@dataclass
class Worker:
    """A runtime's process, stopped unless it is its turn."""

    peer: str
    threads: int
    process: subprocess.Popen[str]
    started: dict[str, Any]
    difference: float = 0.0
    rounds: list[list[float]] = field(default_factory=list)

    def measure(self, repetitions: int) -> None:
        """One turn."""
        self._signal(signal.SIGCONT)
        assert self.process.stdin is not None
        self.process.stdin.write(f"{repetitions}\n")
        self.process.stdin.flush()
        answer = _answer(self.process)
        self._signal(signal.SIGSTOP)
        if answer is None:
            raise click.ClickException(f"{self.peer} with {self.threads} thread(s) died while it was measured")
        self.rounds.append(answer["ms"])

    def close(self) -> None:
        """End the processes."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: int) -> None:
        """To every process of the runtime: a thread pool that still spins would disturb the next one."""
        for pid in self.started["pids"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    @property
    def samples(self) -> list[float]:
        return sorted(ms for one in self.rounds for ms in one)

    @property
    def medians(self) -> list[float]:
        return [statistics.median(one) for one in self.rounds]


def _answer(process: subprocess.Popen[str]) -> dict[str, Any] | None:
    assert process.stdout is not None
    line = process.stdout.readline()
    return json.loads(line) if line.strip() else None


def _setup() -> None:
    """Every backend, and what makes its form: the nets that are timed come from torchvision too."""
    caffe2.install(CONSOLE.print)
    for backend in FORMS:
        if backend in CONVERTED and find_home(info_of(backend), info_of(backend).packages) is None:
            python = install(info_of(backend), CONSOLE.print)
            command = [str(python), "-m", "pip", "install", "--quiet", "torchvision", *info_of(backend).packages]
            subprocess.run(command, check=True)


def _form(peer: str, net: str, directory: Path) -> str | None:
    """Make the peer's file; the reason where that fails."""
    if peer not in FORMS:
        return None
    python = Path(sys.executable)
    if peer in CONVERTED:
        reason = _form("onnxruntime", net, directory)  # which some are made of
        home = find_home(info_of(peer), info_of(peer).make)
        if reason is not None or home is None:
            return reason or why_missing(info_of(peer), info_of(peer).make)
        python = home.python
    command = [str(python), "-m", "peer_runtimes.forms", net, str(directory), peer]
    done = subprocess.run(command, env=environment(2), capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return "conversion failed: " + (done.stderr.strip().splitlines() or ["no message"])[-1]


def _start(peer: str, net: str, directory: Path, threads: int, log: Path) -> Worker | None:
    command = [sys.executable, "-m", "peer_runtimes.worker", peer, net, str(directory), str(threads)]
    with log.open("a") as errors:
        process = subprocess.Popen(
            command,
            env=environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    started = _answer(process)
    if started is None:
        process.wait()
        return None
    worker = Worker(peer, threads, process, started)
    worker._signal(signal.SIGSTOP)
    return worker


def _difference(output: list[float], reference: list[float]) -> float:
    a, b = np.array(output), np.array(reference)
    return float((np.abs(a - b) / element_scale(b)).max()) if a.shape == b.shape else float("inf")


def _ceiling(program: Path, threads: int) -> float:
    done = subprocess.run([str(program), str(threads)], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["gflops"])


def _run_net(net: str, peers: list[str], threads: list[int], rounds: int, repetitions: int) -> dict[str, Any]:
    program = build("ceiling")
    directory = prepare(net, CONSOLE.print)
    log = directory / "peers.log"
    workers: list[Worker] = []
    missing: dict[str, str] = {}
    try:
        for peer in peers:
            found = get_backend(peer).availability()
            if not found.available:
                missing[peer] = f"{found.reason} (python benchmarks/peers.py --setup)"
                continue
            reason = _form(peer, net, directory)
            if reason is not None:
                missing[peer] = reason
                continue
            for count in threads:
                worker = _start(peer, net, directory, count, log)
                if worker is None:
                    missing[peer] = f"does not run; its words are in {log}"
                    break
                workers.append(worker)
        reference = next(w.started["output"] for w in workers if w.peer == "torch")
        for worker in list(workers):
            worker.difference = _difference(worker.started["output"], reference)
            if not worker.difference <= TOLERANCE:
                missing[worker.peer] = f"wrong output: {worker.difference:.1e} from torch's"
                worker.close()
                workers.remove(worker)
        ceilings: dict[int, list[float]] = {count: [] for count in threads}
        for _ in range(rounds):
            for count in threads:
                ceilings[count].append(_ceiling(program, count))
            for worker in workers:
                worker.measure(repetitions)
    finally:
        for worker in workers:
            worker.close()
    ceiling = {count: statistics.median(values) for count, values in ceilings.items()}
    results = [_summary(net, count, ceiling[count], workers) for count in threads]
    return {"net": net, "rounds": rounds, "repetitions": repetitions, "results": results, "missing": missing}


def _summary(net: str, threads: int, ceiling: float, workers: list[Worker]) -> dict[str, Any]:
    mine = [w for w in workers if w.threads == threads]
    ours = next((w for w in mine if w.peer == "mdeploy"), None)
    rows: dict[str, Any] = {}
    for worker in mine:
        samples = worker.samples
        median = statistics.median(samples)
        rows[worker.peer] = {
            "median_ms": median,
            "p10_ms": samples[len(samples) // 10],
            "gflops": 2 * NETS[net].macs / median / 1e6,
            "fraction_of_ceiling": 2 * NETS[net].macs / median / 1e6 / ceiling,
            "ours_over_peer": _ratio(ours, worker) if ours else None,
            "difference": worker.difference,
            "load_ms": worker.started["load_ms"],
            "first_ms": worker.started["first_ms"],
        }
    others = [peer for peer in rows if peer != "mdeploy"]
    best = min(others, key=lambda peer: rows[peer]["median_ms"], default=None)
    return {"threads": threads, "ceiling_gflops": ceiling, "best_peer": best, "peers": rows}


def _ratio(ours: Worker, peer: Worker) -> float:
    return statistics.median(a / b for a, b in zip(ours.medians, peer.medians, strict=True))


def _print(report: dict[str, Any]) -> None:
    console = stdout_console()
    for result in report["results"]:
        title = f"{report['net']}, {result['threads']} thread(s), ceiling {result['ceiling_gflops']:.0f} GFLOP/s"
        figures = ("median ms", "p10 ms", "ours / it", "GFLOP/s", "of ceiling", "off torch")
        rows = []
        for peer, row in sorted(result["peers"].items(), key=lambda item: item[1]["median_ms"]):
            ratio = "" if row["ours_over_peer"] is None or peer == "mdeploy" else f"{row['ours_over_peer']:.2f}"
            cells = (
                peer + (" *" if peer == result["best_peer"] else ""),
                f"{row['median_ms']:.2f}",
                f"{row['p10_ms']:.2f}",
                ratio,
                f"{row['gflops']:.0f}",
                f"{row['fraction_of_ceiling']:.2f}",
                f"{row['difference']:.1e}",
            )
            rows.append(cells)
        columns = (name("runtime", key=True), *map(number, figures))
        print_table(Table(title, columns, rows, notes=("* the best peer",)), console)
    for peer, reason in report["missing"].items():
        console.print(f"{peer}: {reason}", markup=False)


@click.command(help=__doc__)
@click.argument("nets", nargs=-1, type=click.Choice(list(NETS)))
@click.option("--threads", default="1,2", show_default=True, help="Numbers of threads, with commas.")
@click.option(
    "--peers", default=",".join(BACKENDS), show_default=True, help="Runtimes, with commas; torch always runs."
)
@click.option("--rounds", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--repetitions", type=click.IntRange(1, 100), default=3, show_default=True, help="Runs a turn.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a net instead of tables.")
@click.option("--setup", is_flag=True, help="Install the peers and stop.")
def main(
    nets: tuple[str, ...], threads: str, peers: str, rounds: int, repetitions: int, as_json: bool, setup: bool
) -> None:
    """Run the comparison and print it."""
    if setup:
        _setup()
        return
    wanted = [peer.strip() for peer in peers.split(",")]
    unknown = [peer for peer in wanted if peer not in BACKENDS]
    if unknown:
        raise click.UsageError(f"--peers: no runtime {', '.join(unknown)}; there are {', '.join(BACKENDS)}")
    if not all(count.isdigit() and int(count) > 0 for count in threads.split(",")):
        raise click.UsageError("--threads: numbers with commas, such as 1,2")
    chosen = [peer for peer in BACKENDS if peer in wanted or peer == "torch"]
    for net in nets or tuple(NETS):
        start = time.perf_counter()
        report = _run_net(net, chosen, [int(count) for count in threads.split(",")], rounds, repetitions)
        report["seconds"] = time.perf_counter() - start
        if as_json:
            click.echo(json.dumps(report))
        else:
            _print(report)


if __name__ == "__main__":
    main()
